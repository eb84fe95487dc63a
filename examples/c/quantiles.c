/*
 * Bands instead of a line: a network learns the 10 %, 50 % and 90 % quantiles of disease progression from the
 * body-mass index and the blood pressure of 442 patients, and the picture shows the band over the points.
 *
 *     quantiles [data folder] [folder for the picture]
 */
#include <math.h>
#include <string.h>

#include "csv.h"
#include "example.h"

#define EPOCHS 200
enum { BMI = 2, BLOOD_PRESSURE = 3, PROGRESSION = 10 }; /* columns of diabetes.csv */
enum { FEATURES = 2, QUANTILES = 3, POINTS = 100 };

/* Networks learn best from numbers with mean 0 and standard deviation 1. */
typedef struct scale {
  double mean, deviation;
} scale;

static scale scale_of(const csv_table *table, int column) {
  scale result = {0, 0};
  int i;
  for (i = 0; i < table->rows; i++) result.mean += csv_value(table, i, column) / table->rows;
  for (i = 0; i < table->rows; i++) result.deviation += pow(csv_value(table, i, column) - result.mean, 2) / table->rows;
  result.deviation = sqrt(result.deviation);
  return result;
}

static float scaled(double value, scale by) { return (float)((value - by.mean) / by.deviation); }

static int32_t show_epoch(void *user, const chainrule_progress *progress) {
  (void)user;
  if ((progress->epoch + 1) % 50 == 0) printf("epoch %3d   quantile loss %.4f\n", (int)progress->epoch + 1, progress->loss);
  return CHAINRULE_CONTINUE;
}

/* The quantiles over the body-mass index, at the mean blood pressure. */
static void draw(const char *path, const chainrule_model *model, const csv_table *table, scale bmi, scale progression) {
  float inputs[POINTS][FEATURES] = {{0}}, bands[POINTS][QUANTILES];
  double low = csv_value(table, 0, BMI), high = low;
  chainrule_array x = chainrule_matrix(inputs[0], POINTS, FEATURES), y = chainrule_matrix(bands[0], POINTS, QUANTILES);
  int i, k;
  FILE *plot = picture_open(path, "Quantiles that a network found");
  if (!plot) return;
  fprintf(plot, "set xlabel 'body-mass index (kg/m²), at the mean blood pressure'\n"
                "set ylabel 'disease progression after one year (score)'\nset key top left Left reverse\n$patients << END\n");
  for (i = 0; i < table->rows; i++) {
    fprintf(plot, "%g %g\n", csv_value(table, i, BMI), csv_value(table, i, PROGRESSION));
    low = fmin(low, csv_value(table, i, BMI)), high = fmax(high, csv_value(table, i, BMI));
  }
  for (i = 0; i < POINTS; i++) inputs[i][0] = scaled(low + (high - low) * i / (POINTS - 1), bmi);
  MUST(chainrule_model_predict(model, &x, &y));
  fprintf(plot, "END\n$bands << END\n");
  for (i = 0; i < POINTS; i++) {
    fprintf(plot, "%g", low + (high - low) * i / (POINTS - 1));
    for (k = 0; k < QUANTILES; k++) fprintf(plot, " %g", progression.mean + progression.deviation * bands[i][k]);
    fprintf(plot, "\n");
  }
  fprintf(plot, "END\nset style fill transparent solid 0.2 noborder\n"
                "plot $bands using 1:2:4 with filledcurves lc rgb 'red' title '10 %% to 90 %%', "
                "$patients with points pt 7 ps 0.6 lc rgb '#888888' title '442 patients', "
                "$bands using 1:3 with lines lw 2 lc rgb 'red' title 'median'\n");
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  const char *data = argc > 1 ? argv[1] : "examples/data", *output = argc > 2 ? argv[2] : "build/demo";
  static float inputs[2][1000][FEATURES], targets[2][1000][1], bands[1000][QUANTILES];
  int counts[2] = {0, 0}, under[QUANTILES] = {0}, i, k; /* of each two: patients to learn from, patients held out */
  char path[1024];
  chainrule_model_options seeded = {sizeof seeded, CHAINRULE_FLOAT32, 4};
  chainrule_model *model;
  chainrule_trainer *trainer;

  snprintf(path, sizeof path, "%s/diabetes.csv", data);
  csv_table table = csv_read(path);
  scale bmi = scale_of(&table, BMI), pressure = scale_of(&table, BLOOD_PRESSURE), progression = scale_of(&table, PROGRESSION);
  for (i = 0; i < table.rows && i < 1000; i++) {
    int held_out = i % 5 == 0, row = counts[held_out]++; /* the first of every five */
    inputs[held_out][row][0] = scaled(csv_value(&table, i, BMI), bmi);
    inputs[held_out][row][1] = scaled(csv_value(&table, i, BLOOD_PRESSURE), pressure);
    targets[held_out][row][0] = scaled(csv_value(&table, i, PROGRESSION), progression);
  }
  chainrule_array x = chainrule_matrix(inputs[0][0], counts[0], FEATURES), y = chainrule_matrix(targets[0][0], counts[0], 1);
  chainrule_array x_test = chainrule_matrix(inputs[1][0], counts[1], FEATURES);
  chainrule_array view = chainrule_matrix(bands[0], counts[1], QUANTILES);
  printf("%d patients to learn from, %d held out\n", counts[0], counts[1]);

  MUST(chainrule_model_create(&seeded, &model));
  MUST(chainrule_model_add(model, "input", "shape=2", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=16", NULL));
  MUST(chainrule_model_add(model, "tanh", "", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=3", NULL)); /* one for each quantile */
  chainrule_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = EPOCHS;
  options.on_epoch = show_epoch;
  MUST(chainrule_trainer_create(model, "quantile q=0.1,0.5,0.9", "adamw lr=0.01 weight_decay=0.1", &trainer));
  MUST(chainrule_trainer_fit(trainer, &x, &y, &options, NULL));

  MUST(chainrule_model_predict(model, &x_test, &view));
  for (i = 0; i < counts[1]; i++)
    for (k = 0; k < QUANTILES; k++) under[k] += targets[1][i][0] < bands[i][k];
  printf("held-out patients under each quantile: %d, %d and %d of %d\n", under[0], under[1], under[2], counts[1]);
  double inside = 100.0 * (under[2] - under[0]) / counts[1];

  snprintf(path, sizeof path, "%s/quantiles.png", output);
  draw(path, model, &table, bmi, progression);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  free(table.values);
  return learned(inside >= 65 && inside <= 92 && under[0] < under[1] && under[1] < under[2],
                 "held-out patients between the 10 % and 90 % quantiles", "65 to 92 %", "%.0f %%", inside);
}
