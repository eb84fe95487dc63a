/*
 * Handwritten digits: train a network on 8 x 8 images, hold out a fifth of them, save what was
 * learned, load it again, and get the same bits. Leaves digits.safetensors and the scores of the
 * held-out images (digits_scores.f32, raw float32) for python/digits.py to compare with its own.
 *
 *     digits [data folder] [output folder]
 */
#include <string.h>

#include "example.h"
#include "images.h"

#define EPOCHS 50

static chainrule_model *build_network(void) {
  chainrule_model *model;
  MUST(chainrule_model_create(NULL, &model));
  MUST(chainrule_model_add(model, "input", "shape=64", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=256", NULL));
  MUST(chainrule_model_add(model, "relu", "", NULL));
  MUST(chainrule_model_add(model, "dropout", "p=0.3", NULL)); /* only while training */
  MUST(chainrule_model_add(model, "linear", "out_features=10", NULL));
  return model;
}

/* Called after each epoch; the series are named, and come in the order of the history. */
static int32_t show_epoch(void *user, const chainrule_progress *progress) {
  (void)user;
  if (progress->epoch % 10 != 0 && progress->epoch + 1 != progress->epochs) return CHAINRULE_CONTINUE;
  print_epoch(progress);
  return CHAINRULE_CONTINUE;
}

static void write_scores(const char *path, const float *scores, size_t count) {
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(scores, sizeof *scores, count, file) != count || fclose(file) != 0) {
    perror(path);
    exit(EXIT_FAILURE);
  }
}

int main(int argc, char **argv) {
  const char *data = argc > 1 ? argv[1] : "examples/data", *output = argc > 2 ? argv[2] : "build/demo";
  char path[1024], summary[2048];
  chainrule_trainer *trainer;
  chainrule_model *model = build_network(), *loaded;

  snprintf(path, sizeof path, "%s/digits.csv", data);
  csv_table table = csv_read(path);
  images train = images_select(&table, 16, 0), test = images_select(&table, 16, 1);
  chainrule_array x = chainrule_matrix(train.values, train.count, train.pixels);
  chainrule_array y = chainrule_labels(train.digits, train.count);
  chainrule_array x_test = chainrule_matrix(test.values, test.count, test.pixels);
  chainrule_array y_test = chainrule_labels(test.digits, test.count);
  printf("%d images to train, %d held out\n", train.count, test.count);

  MUST(chainrule_model_summary(model, summary, sizeof summary, NULL));
  printf("%s\n", summary);

  chainrule_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = EPOCHS;
  options.validation_x = &x_test;
  options.validation_y = &y_test;
  options.on_epoch = show_epoch;
  MUST(chainrule_trainer_create(model, "cross_entropy label_smoothing=0.1", "adam lr=0.002", &trainer));
  MUST(chainrule_trainer_set_metrics(trainer, "accuracy"));
  MUST(chainrule_trainer_fit(trainer, &x, &y, &options, NULL));

  size_t count = (size_t)test.count * CLASSES;
  float *scores = malloc(sizeof(float) * count), *scores_of_loaded = malloc(sizeof(float) * count);
  if (!scores || !scores_of_loaded) return EXIT_FAILURE;
  chainrule_array view = chainrule_matrix(scores, test.count, CLASSES);
  chainrule_array view_of_loaded = chainrule_matrix(scores_of_loaded, test.count, CLASSES);
  MUST(chainrule_model_predict(model, &x_test, &view));

  snprintf(path, sizeof path, "%s/digits.safetensors", output);
  MUST(chainrule_model_save(model, path));
  MUST(chainrule_model_load(path, &loaded));
  MUST(chainrule_model_predict(loaded, &x_test, &view_of_loaded));
  int same = memcmp(scores, scores_of_loaded, sizeof(float) * count) == 0;
  printf("saved to %s; loaded again, it predicts %s\n", path, same ? "the same bits" : "OTHER BITS");
  snprintf(path, sizeof path, "%s/digits_scores.f32", output);
  write_scores(path, scores, count);

  int right = images_right(&test, scores);
  double share = 100.0 * right / test.count;
  printf("%d of %d held-out digits right\n", right, test.count);
  chainrule_model_free(loaded);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  images_free(&train), images_free(&test);
  free(scores), free(scores_of_loaded), free(table.values);
  return learned(same && share >= 97, "held-out digits right", "at least 97 %", "%.1f %%", share);
}
