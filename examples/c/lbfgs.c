/*
 * L-BFGS beside Adam. The ten measurements of diabetes.csv explain the progression of the disease in a straight
 * line; two of them (total cholesterol and ldl) say nearly the same, and so the loss is a narrow valley. Adam has
 * to walk along it, whatever its learning rate; L-BFGS, which learns the valley's shape from its own steps, does
 * not. How far each is above the lowest loss there is, that of least squares, shows in the picture.
 *
 *     lbfgs [data folder] [folder for the picture]
 */
#include <math.h>
#include <string.h>

#include "csv.h"
#include "example.h"

enum { FEATURES = 10, STEPS = 500, ITERATIONS = 24, RATES = 3 }; /* steps of Adam, iterations of L-BFGS */
#define REACHED 1e-9                                             /* above the lowest loss */

/* Every column with mean 0 and standard deviation 1. */
static void standardize(csv_table *table) {
  int row, column;
  for (column = 0; column < table->columns; column++) {
    double mean = 0, deviation = 0, *first = table->values + column;
    for (row = 0; row < table->rows; row++) mean += first[row * table->columns] / table->rows;
    for (row = 0; row < table->rows; row++) deviation += pow(first[row * table->columns] - mean, 2) / table->rows;
    for (row = 0; row < table->rows; row++)
      first[row * table->columns] = (first[row * table->columns] - mean) / sqrt(deviation);
  }
}

/* The mean squared error of least squares: all columns have mean 0, so there is no bias, and the coefficients solve
   (X^T X) w = X^T y; what is left is the mean of y^2 - y (X w). */
static double least_squares_loss(const csv_table *table) {
  double system[FEATURES][FEATURES + 1] = {{0}}, loss = 0;
  int row, i, j, k;
  for (row = 0; row < table->rows; row++) {
    for (i = 0; i < FEATURES; i++)
      for (j = 0; j <= FEATURES; j++) system[i][j] += csv_value(table, row, i) * csv_value(table, row, j) / table->rows;
    loss += pow(csv_value(table, row, FEATURES), 2) / table->rows;
  }
  /* Each step of the elimination takes one more measurement into the fit, and its share off the loss. */
  for (k = 0; k < FEATURES; k++) {
    loss -= system[k][FEATURES] * system[k][FEATURES] / system[k][k];
    for (i = k + 1; i < FEATURES; i++) {
      double factor = system[i][k] / system[k][k];
      for (j = k; j <= FEATURES; j++) system[i][j] -= factor * system[k][j];
    }
  }
  return loss;
}

/* A model of weights that are 0, trained for so many steps; the loss before each and after the last. */
static void train(const chainrule_array *x, const chainrule_array *y, const char *optimizer, int steps, double *losses) {
  chainrule_model_options options = {sizeof options, CHAINRULE_FLOAT64, 0};
  chainrule_model *model;
  chainrule_trainer *trainer;
  int step;
  MUST(chainrule_model_create(&options, &model));
  MUST(chainrule_model_add(model, "input", "shape=10", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=1 weight_init=zeros bias_init=zeros", NULL));
  MUST(chainrule_trainer_create(model, "mse", optimizer, &trainer));
  for (step = 0; step < steps; step++) MUST(chainrule_trainer_step(trainer, x, y, NULL, &losses[step]));
  MUST(chainrule_trainer_evaluate(trainer, x, y, NULL, &losses[steps], 1, NULL));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* After how many steps the loss is at the lowest but for REACHED, and stays so; the number of steps + 1: never. */
static int steps_to(double lowest, const double *losses, int steps) {
  int step = steps + 1;
  while (step > 0 && losses[step - 1] - lowest < REACHED) step--;
  return step;
}

static void draw(const char *path, double lowest, double adam[RATES][STEPS + 1], const double *search) {
  int i;
  FILE *plot = picture_open(path, "The way to the bottom of a narrow valley");
  if (!plot) return;
  fprintf(plot, "set logscale xy\nset format y '10^{%%L}'\nset yrange [1e-16:2]\nset xrange [0.9:600]\nset key bottom left\n"
                "set xlabel 'steps of Adam, iterations of L-BFGS (each looks at all 442 patients about once)'\n"
                "set ylabel 'mean squared error above that of least squares (variances)'\n$adam << END\n");
  for (i = 1; i <= STEPS; i++)
    fprintf(plot, "%d %g %g %g\n", i, adam[0][i] - lowest, adam[1][i] - lowest, adam[2][i] - lowest);
  fprintf(plot, "END\n$search << END\n");
  for (i = 1; i <= ITERATIONS; i++) fprintf(plot, "%d %g\n", i, fmax(search[i] - lowest, 1e-16));
  fprintf(plot, "END\nplot $adam using 1:2 with lines lw 2 lc rgb '#9ec5e8' title 'Adam, lr=0.01', "
                "$adam using 1:3 with lines lw 2 lc rgb '#4f8fc9' title 'Adam, lr=0.03', "
                "$adam using 1:4 with lines lw 2 lc rgb '#1d4f86' title 'Adam, lr=0.1', "
                "$search with linespoints pt 7 lw 2 lc rgb 'red' title 'L-BFGS'\n");
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  const char *data = argc > 1 ? argv[1] : "examples/data", *output = argc > 2 ? argv[2] : "build/demo";
  const char *rates[RATES] = {"adam lr=0.01", "adam lr=0.03", "adam lr=0.1"};
  static double adam[RATES][STEPS + 1], search[ITERATIONS + 1];
  char path[1024], optimizer[256];
  int i, fastest = STEPS + 1, iterations;

  snprintf(path, sizeof path, "%s/diabetes.csv", data);
  csv_table table = csv_read(path);
  if (table.columns != FEATURES + 1) csv_fail(path, 1, "expected ten measurements and the progression");
  standardize(&table);
  double lowest = least_squares_loss(&table);
  printf("the lowest mean squared error there is: %.6f of the progression's variance\n", lowest);

  /* x and y are columns of one table: views with strides, and nothing is copied here. */
  chainrule_array x = chainrule_matrix_float64(table.values, table.rows, FEATURES), y;
  x.strided = 1;
  x.strides[0] = (int64_t)sizeof(double) * table.columns;
  x.strides[1] = sizeof(double);
  y = x;
  y.data = table.values + FEATURES;
  y.shape[1] = 1;

  for (i = 0; i < RATES; i++) {
    int steps;
    train(&x, &y, rates[i], STEPS, adam[i]);
    steps = steps_to(lowest, adam[i], STEPS);
    if (steps < fastest) fastest = steps;
    printf("%-12s  above it by %.1e after %d steps, %.1e after %d\n", rates[i], adam[i][ITERATIONS] - lowest, ITERATIONS,
           adam[i][STEPS] - lowest, STEPS);
  }
  /* All of a batch's iterations are one step of the library, so each number takes a run of its own. */
  for (i = 1; i <= ITERATIONS; i++) {
    double losses[2];
    snprintf(optimizer, sizeof optimizer,
             "lbfgs max_iter=%d max_eval=1000 tolerance_grad=1e-12 tolerance_change=1e-15 line_search_fn=strong_wolfe", i);
    train(&x, &y, optimizer, 1, losses);
    search[0] = losses[0], search[i] = losses[1];
  }
  iterations = steps_to(lowest, search, ITERATIONS);
  printf("lbfgs         above it by %.1e after %d iterations\n", search[ITERATIONS] - lowest, ITERATIONS);

  snprintf(path, sizeof path, "%s/lbfgs.png", output);
  draw(path, lowest, adam, search);
  free(table.values);
  return learned(iterations <= ITERATIONS && iterations * 10 < fastest, "L-BFGS's iterations to least squares, against Adam's steps",
                 "under a tenth", "%d to %d", iterations, fastest);
}
