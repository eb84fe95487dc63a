/*
 * An autoencoder: 64 pixels of a handwritten digit through 8 numbers and back. Draws digits it had never seen
 * above what it makes of them, and is measured against the best that a linear code of 8 numbers can do: the
 * first principal components.
 *
 *     autoencoder [data folder] [folder for the picture]
 */
#include <math.h>
#include <string.h>

#include "example.h"
#include "images.h"

#define EPOCHS 150
enum { PIXELS = 64, CODE = 8, SHOWN = 10 };

static chainrule_model *build_network(void) {
  chainrule_model *model;
  MUST(chainrule_model_create(NULL, &model));
  MUST(chainrule_model_add(model, "input", "shape=64", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=48", NULL));
  MUST(chainrule_model_add(model, "gelu", "", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=8 name=code", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=48", NULL));
  MUST(chainrule_model_add(model, "gelu", "", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=64", NULL));
  MUST(chainrule_model_add(model, "sigmoid", "", NULL));
  return model;
}

static int32_t show_epoch(void *user, const chainrule_progress *progress) {
  (void)user;
  if ((progress->epoch + 1) % 30 == 0)
    printf("epoch %3d: mean squared error %.4f\n", (int)progress->epoch + 1, progress->loss);
  return CHAINRULE_CONTINUE;
}

/* The mean squared error on `test` of the projection on the first principal components of `train`. They come by
   orthogonal iteration: multiply by the covariance, make orthonormal, again. */
static double principal_components_error(const images *train, const images *test) {
  static double mean[PIXELS], covariance[PIXELS][PIXELS], axes[CODE][PIXELS], product[CODE][PIXELS];
  double error = 0;
  int i, j, k, l, round;
  for (i = 0; i < train->count; i++)
    for (j = 0; j < PIXELS; j++) mean[j] += train->values[i * PIXELS + j] / train->count;
  for (i = 0; i < train->count; i++)
    for (j = 0; j < PIXELS; j++)
      for (k = 0; k < PIXELS; k++)
        covariance[j][k] += (train->values[i * PIXELS + j] - mean[j]) * (train->values[i * PIXELS + k] - mean[k]);
  for (k = 0; k < CODE; k++)
    for (j = 0; j < PIXELS; j++) axes[k][j] = cos(k * j + j); /* anything that is not orthogonal to them */
  for (round = 0; round < 1000; round++) {
    memset(product, 0, sizeof product);
    for (k = 0; k < CODE; k++)
      for (i = 0; i < PIXELS; i++)
        for (j = 0; j < PIXELS; j++) product[k][i] += covariance[i][j] * axes[k][j];
    for (k = 0; k < CODE; k++) {
      double length = 0;
      for (l = 0; l < k; l++) {
        double along = 0;
        for (j = 0; j < PIXELS; j++) along += product[k][j] * axes[l][j];
        for (j = 0; j < PIXELS; j++) product[k][j] -= along * axes[l][j];
      }
      for (j = 0; j < PIXELS; j++) length += product[k][j] * product[k][j];
      for (j = 0; j < PIXELS; j++) axes[k][j] = product[k][j] / sqrt(length);
    }
  }
  for (i = 0; i < test->count; i++) { /* what the axes leave: |x|^2 - sum (x . axis)^2 */
    for (j = 0; j < PIXELS; j++) error += pow(test->values[i * PIXELS + j] - mean[j], 2);
    for (k = 0; k < CODE; k++) {
      double along = 0;
      for (j = 0; j < PIXELS; j++) along += (test->values[i * PIXELS + j] - mean[j]) * axes[k][j];
      error -= along * along;
    }
  }
  return error / test->count / PIXELS;
}

/* Two rows of images, as one image of numbers from 0 to 1; pixels between them stay white. */
static void draw(const char *path, const float *seen, const float *made) {
  int row, column;
  FILE *plot = picture_open(path, "Digits it had never seen, and the same from 8 numbers");
  if (!plot) return;
  fprintf(plot, "set terminal pngcairo size 1000,330\nset size ratio -1\nset yrange [17.5:-1.5]\nset xrange [-1.5:90.5]\n"
                "unset grid\nunset key\nunset xtics\nset ytics ('seen' 3.5, 'made' 12.5) scale 0\nset border 0\n"
                "set palette defined (0 'white', 1 'black')\nset cbrange [0:1]\nset cblabel 'ink'\n$pixels << END\n");
  for (row = 0; row < 17; row++)
    for (column = 0; column < 9 * SHOWN - 1; column++) {
      int image = column / 9, x = column % 9, y = row % 9;
      const float *rows = row < 9 ? seen : made;
      fprintf(plot, "%d %d %g\n", column, row, x < 8 && y < 8 ? rows[image * PIXELS + y * 8 + x] : 0);
    }
  fprintf(plot, "END\nplot $pixels with image\n");
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  const char *data = argc > 1 ? argv[1] : "examples/data", *output = argc > 2 ? argv[2] : "build/demo";
  char path[1024];
  double error, linear;
  int i;
  chainrule_model *model = build_network();
  chainrule_trainer *trainer;

  snprintf(path, sizeof path, "%s/digits.csv", data);
  csv_table table = csv_read(path);
  images train = images_select(&table, 16, 0), test = images_select(&table, 16, 1);
  chainrule_array x = chainrule_matrix(train.values, train.count, PIXELS);
  chainrule_array x_test = chainrule_matrix(test.values, test.count, PIXELS);
  chainrule_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = EPOCHS;
  options.batch_size = 64;
  options.on_epoch = show_epoch;
  MUST(chainrule_trainer_create(model, "mse", "adamw lr=0.002", &trainer));
  MUST(chainrule_trainer_fit(trainer, &x, &x, &options, NULL)); /* an image is its own target */
  MUST(chainrule_trainer_evaluate(trainer, &x_test, &x_test, NULL, &error, 1, NULL));
  linear = principal_components_error(&train, &test);
  printf("held-out digits: error %.4f; %d principal components: %.4f\n", error, CODE, linear);

  static float seen[SHOWN * PIXELS], made[SHOWN * PIXELS]; /* one image of each digit */
  for (i = test.count - 1; i >= 0; i--)
    memcpy(seen + test.digits[i] % SHOWN * PIXELS, test.values + i * PIXELS, sizeof(float) * PIXELS);
  chainrule_array shown = chainrule_matrix(seen, SHOWN, PIXELS), view = chainrule_matrix(made, SHOWN, PIXELS);
  MUST(chainrule_model_predict(model, &shown, &view));
  snprintf(path, sizeof path, "%s/autoencoder.png", output);
  draw(path, seen, made);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  images_free(&train), images_free(&test);
  free(table.values);
  return learned(error < 0.85 * linear, "reconstruction error against principal components", "under 85 %", "%.0f %%",
                 100 * error / linear);
}
