/* Learns y = 3x - 1 from eight points: shows that an installed Chainrule is found, linked and runs. */
#include <chainrule.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void must(chainrule_status status) {
  if (status == CHAINRULE_OK) return;
  fprintf(stderr, "%s\n", chainrule_last_error()->message);
  exit(EXIT_FAILURE);
}

int main(void) {
  float inputs[8] = {0}, targets[8] = {0}, weight = 0, bias = 0;
  chainrule_array x = chainrule_matrix(inputs, 8, 1), y = chainrule_matrix(targets, 8, 1);
  chainrule_array weight_view = chainrule_matrix(&weight, 1, 1), bias_view = chainrule_vector(&bias, 1);
  chainrule_model *model;
  chainrule_trainer *trainer;
  double error;
  int i;

  for (i = 0; i < 8; i++) {
    inputs[i] = (float)(i - 4) / 4;
    targets[i] = 3 * inputs[i] - 1;
  }
  must(chainrule_model_create(NULL, &model));
  must(chainrule_model_add(model, "input", "shape=1", NULL));
  must(chainrule_model_add(model, "linear", "out_features=1", NULL));
  must(chainrule_trainer_create(model, "mse", "sgd lr=0.2", &trainer));
  for (i = 0; i < 300; i++) must(chainrule_trainer_step(trainer, &x, &y, NULL, NULL));
  must(chainrule_model_get_parameter(model, "0.weight", &weight_view));
  must(chainrule_model_get_parameter(model, "0.bias", &bias_view));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);

  printf("Chainrule %s learned y = %.4fx %+.4f\n", chainrule_version(), weight, bias);
  error = fabs(weight - 3.0) + fabs(bias + 1.0);
  printf("result: y = 3x - 1 through find_package | %.1e | within 0.001 | %s\n", error,
         error < 1e-3 ? "learned" : "NOT LEARNED");
  return error < 1e-3 ? EXIT_SUCCESS : EXIT_FAILURE;
}
