/*
 * A residual network (He, Zhang, Ren and Sun 2016) on 8 x 8 images of handwritten digits: each block adds what
 * it found to what came in, so that the gradient has a short way back. A network that is no chain is written
 * with the numbers of its nodes: chainrule_model_add_node says which nodes a new one takes as inputs.
 *
 *     residual [data folder] [folder for the picture]
 */
#include <string.h>

#include "example.h"
#include "images.h"

#define EPOCHS 10

static chainrule_node add(chainrule_model *model, const char *kind, const char *attributes, chainrule_node input) {
  chainrule_node node;
  MUST(chainrule_model_add_node(model, kind, attributes, &input, 1, &node));
  return node;
}

/* A convolution with batch normalisation, whose bias takes the place of the convolution's. */
static chainrule_node convolution(chainrule_model *model, chainrule_node input, int channels, int size, int stride) {
  char attributes[128];
  snprintf(attributes, sizeof attributes, "out_channels=%d kernel_size=%d stride=%d padding=%d bias=false", channels, size,
           stride, size / 2);
  return add(model, "batch_norm", "", add(model, "conv2d", attributes, input));
}

/* Two convolutions, added to what came in; where they change its shape, so does a 1 x 1 convolution. */
static chainrule_node block(chainrule_model *model, chainrule_node input, int channels, int stride, int new_shape) {
  chainrule_node terms[2], sum;
  chainrule_node found = add(model, "relu", "", convolution(model, input, channels, 3, stride));
  terms[0] = convolution(model, found, channels, 3, 1);
  terms[1] = new_shape ? convolution(model, input, channels, 1, stride) : input;
  MUST(chainrule_model_add_node(model, "add", "", terms, 2, &sum));
  return add(model, "relu", "", sum);
}

static chainrule_model *build_network(void) {
  chainrule_model *model;
  chainrule_node x;
  MUST(chainrule_model_create(NULL, &model));
  MUST(chainrule_model_add(model, "input", "shape=1,8,8 name=image", &x)); /* channels, rows, columns */
  x = add(model, "relu", "", convolution(model, x, 16, 3, 1));
  x = block(model, x, 16, 1, 0);
  x = block(model, x, 32, 2, 1); /* 4 x 4 from here on */
  x = block(model, x, 32, 1, 0);
  x = add(model, "flatten", "", add(model, "global_avg_pool", "", x));
  add(model, "linear", "out_features=10", x); /* the last node is the output */
  return model;
}

static int32_t show_epoch(void *user, const chainrule_progress *progress) {
  (void)user;
  print_epoch(progress);
  return CHAINRULE_CONTINUE;
}

/* How often each digit was taken for which. */
static void draw(const char *path, const chainrule_array *scores, const chainrule_array *digits) {
  float counts[CLASSES][CLASSES];
  chainrule_array matrix = chainrule_matrix(counts[0], CLASSES, CLASSES);
  int row, column;
  FILE *plot = picture_open(path, "Held-out digits, and what the residual network took them for");
  if (!plot) return;
  MUST(chainrule_confusion_matrix(scores, digits, NULL, &matrix));
  fprintf(plot, "set xlabel \"the network's answer\"\nset ylabel 'the digit that was written'\nset cblabel 'images'\n"
                "set size square\nset xrange [-0.5:9.5]\nset yrange [9.5:-0.5]\nset xtics 1\nset ytics 1\nunset grid\nunset key\n"
                "set palette defined (0 'white', 1 '#3b6fb6')\n$matrix << END\n");
  for (row = 0; row < CLASSES; row++)
    for (column = 0; column < CLASSES; column++) fprintf(plot, "%d %d %g\n", column, row, counts[row][column]);
  fprintf(plot, "END\nplot $matrix with image notitle, "
                "$matrix using 1:2:($3 > 0 ? sprintf('%%d', $3) : '') with labels notitle\n");
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  const char *data = argc > 1 ? argv[1] : "examples/data", *output = argc > 2 ? argv[2] : "build/demo";
  char path[1024], summary[8192];
  chainrule_model *model = build_network();
  chainrule_trainer *trainer;

  snprintf(path, sizeof path, "%s/digits.csv", data);
  csv_table table = csv_read(path);
  images train = images_select(&table, 16, 0), test = images_select(&table, 16, 1);
  chainrule_array x = chainrule_view(train.values, CHAINRULE_FLOAT32, 4, train.count, 1, 8, 8);
  chainrule_array y = chainrule_labels(train.digits, train.count);
  chainrule_array x_test = chainrule_view(test.values, CHAINRULE_FLOAT32, 4, test.count, 1, 8, 8);
  chainrule_array y_test = chainrule_labels(test.digits, test.count);
  MUST(chainrule_model_summary(model, summary, sizeof summary, NULL));
  printf("%s\n", summary);

  chainrule_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = EPOCHS;
  options.validation_x = &x_test;
  options.validation_y = &y_test;
  options.on_epoch = show_epoch;
  MUST(chainrule_trainer_create(model, "cross_entropy", "adamw lr=0.005 weight_decay=0.05", &trainer));
  MUST(chainrule_trainer_set_metrics(trainer, "accuracy"));
  MUST(chainrule_trainer_set_schedule(trainer, "cosine T_max=10"));
  MUST(chainrule_trainer_fit(trainer, &x, &y, &options, NULL));

  float *scores = malloc(sizeof(float) * test.count * CLASSES);
  if (!scores) return EXIT_FAILURE;
  chainrule_array view = chainrule_matrix(scores, test.count, CLASSES);
  MUST(chainrule_model_predict(model, &x_test, &view));
  int right = images_right(&test, scores);
  double share = 100.0 * right / test.count;
  printf("%d of %d held-out digits right\n", right, test.count);

  snprintf(path, sizeof path, "%s/residual.png", output);
  draw(path, &view, &y_test);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  images_free(&train), images_free(&test);
  free(scores), free(table.values);
  return learned(share >= 98, "held-out digits right", "at least 98 %", "%.1f %%", share);
}
