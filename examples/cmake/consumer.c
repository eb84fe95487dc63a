/*
 * Linear regression on all ten measurements of 442 diabetes patients: shows that an installed Chainrule
 * is found, linked and runs.
 *
 *     consumer [data folder]
 */
#include <chainrule.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENTS = 442, MEASUREMENTS = 10 };
static float x[PATIENTS][MEASUREMENTS], y[PATIENTS];

static void must(chainrule_status status) {
  if (status == CHAINRULE_OK) return;
  fprintf(stderr, "%s\n", chainrule_last_error()->message);
  exit(EXIT_FAILURE);
}

static void read_patients(const char *folder) {
  char path[1024];
  FILE *file;
  int i, j, fields;
  snprintf(path, sizeof path, "%s/diabetes.csv", folder);
  file = fopen(path, "r");
  fields = file ? fscanf(file, "%*[^\n]") : -1; /* the line of names */
  for (i = 0; fields >= 0 && i < PATIENTS; i++) {
    for (j = 0; j <= MEASUREMENTS; j++)
      if (fscanf(file, "%f,", j < MEASUREMENTS ? &x[i][j] : &y[i]) != 1) fields = -1;
  }
  if (fields < 0) {
    fprintf(stderr, "%s: expected %d rows of %d numbers\n", path, PATIENTS, MEASUREMENTS + 1);
    exit(EXIT_FAILURE);
  }
  fclose(file);
}

/* Each column to mean 0 and deviation 1. */
static void standardise(float *column, int stride) {
  double mean = 0, square = 0;
  int i;
  for (i = 0; i < PATIENTS; i++) mean += column[i * stride] / PATIENTS;
  for (i = 0; i < PATIENTS; i++) square += (column[i * stride] - mean) * (column[i * stride] - mean) / PATIENTS;
  for (i = 0; i < PATIENTS; i++) column[i * stride] = (float)((column[i * stride] - mean) / sqrt(square));
}

int main(int argc, char **argv) {
  chainrule_array inputs = chainrule_matrix(x[0], PATIENTS, MEASUREMENTS), targets = chainrule_matrix(y, PATIENTS, 1);
  chainrule_fit_options options = {0};
  chainrule_model *model;
  chainrule_trainer *trainer;
  double values[2]; /* the loss, and r2 */
  int j;

  read_patients(argc > 1 ? argv[1] : "examples/data");
  for (j = 0; j < MEASUREMENTS; j++) standardise(&x[0][j], MEASUREMENTS);
  standardise(y, 1);

  must(chainrule_model_create(NULL, &model));
  must(chainrule_model_add(model, "input", "shape=10", NULL));
  must(chainrule_model_add(model, "linear", "out_features=1", NULL));
  must(chainrule_trainer_create(model, "mse", "sgd lr=0.1", &trainer));
  must(chainrule_trainer_set_metrics(trainer, "r2"));
  options.struct_size = sizeof options;
  options.epochs = 500;
  options.batch_size = PATIENTS;
  must(chainrule_trainer_fit(trainer, &inputs, &targets, &options, NULL));
  must(chainrule_trainer_evaluate(trainer, &inputs, &targets, NULL, values, 2, NULL));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);

  /* Least squares explains 51.8 % of the variance. */
  printf("Chainrule %s explains %.1f %% of the variance of the disease's progression\n", chainrule_version(),
         100 * values[1]);
  printf("result: r2 on ten measurements, through find_package | %.3f | at least 0.51 | %s\n", values[1],
         values[1] >= 0.51 ? "learned" : "NOT LEARNED");
  return values[1] >= 0.51 ? EXIT_SUCCESS : EXIT_FAILURE;
}
