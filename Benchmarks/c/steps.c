/* Training steps of tiny networks from C, Chainrule and FANN in turns in one process: medians of
   rounds with 10th and 90th percentiles, and their ratio. Same networks and batches; FANN steps by
   gradient descent on squared errors with its own activations (it has no relu, cross-entropy or Adam:
   iris uses what comes near).

     cc -O2 steps.c -lchainrule -lfloatfann -lm
     ./steps [THREADS]     (of Chainrule; FANN has one) */
#define _GNU_SOURCE
#include <chainrule.h>
#include <floatfann.h>
#include <string.h>

#include "measuring.h"

enum { ROUNDS = 60, STEPS = 400 };

typedef struct {
  const char *name, *activation, *loss, *optimizer;
  int inputs, hidden, outputs, batch;
} workload;

static const workload workloads[] = {
    {"linreg", "", "mse", "sgd lr=0.01", 13, 0, 1, 32},
    {"xor", "tanh", "mse", "sgd lr=0.01", 2, 8, 1, 4},
    {"iris", "relu", "cross_entropy", "adam lr=0.001", 4, 16, 3, 16},
};

static double median(double *values) {
  qsort(values, ROUNDS, sizeof *values, compare);
  return values[ROUNDS / 2];
}

static float uniform(void) { return (float)rand() / (float)RAND_MAX - 0.5f; }

int main(int count, char **arguments) {
  size_t w;
  int slow = 0;
  must(chainrule_set_num_threads(count > 1 ? atoi(arguments[1]) : 1));
  printf("chainrule %s, %s\n", chainrule_version(), chainrule_cpu_level());
  for (w = 0; w < sizeof workloads / sizeof *workloads; w++) {
    const workload *k = &workloads[w];
    static double own[ROUNDS], theirs[ROUNDS];
    float x[32 * 16], y[32 * 16];
    int32_t labels[32];
    char text[64];
    int i, round, step;
    chainrule_model *model;
    chainrule_trainer *trainer;
    chainrule_array in, out;
    struct fann *net;
    struct fann_train_data *data;
    for (i = 0; i < 32 * 16; i++) x[i] = uniform(), y[i] = uniform();
    for (i = 0; i < 32; i++) labels[i] = rand() % k->outputs;

    must(chainrule_model_create(NULL, &model));
    snprintf(text, sizeof text, "shape=%d", k->inputs);
    must(chainrule_model_add(model, "input", text, NULL));
    if (k->hidden) {
      snprintf(text, sizeof text, "out_features=%d", k->hidden);
      must(chainrule_model_add(model, "linear", text, NULL));
      must(chainrule_model_add(model, k->activation, "", NULL));
    }
    snprintf(text, sizeof text, "out_features=%d", k->outputs);
    must(chainrule_model_add(model, "linear", text, NULL));
    must(chainrule_trainer_create(model, k->loss, k->optimizer, &trainer));
    in = chainrule_matrix(x, k->batch, k->inputs);
    out = strcmp(k->loss, "mse") == 0 ? chainrule_matrix(y, k->batch, k->outputs) : chainrule_labels(labels, k->batch);

    net = k->hidden ? fann_create_standard(3, k->inputs, k->hidden, k->outputs)
                    : fann_create_standard(2, k->inputs, k->outputs);
    fann_set_activation_function_hidden(net, FANN_SIGMOID_SYMMETRIC);
    fann_set_activation_function_output(net, FANN_LINEAR);
    fann_set_training_algorithm(net, FANN_TRAIN_BATCH);
    data = fann_create_train(k->batch, k->inputs, k->outputs);
    for (i = 0; i < k->batch; i++) {
      memcpy(data->input[i], x + i * k->inputs, sizeof(float) * (size_t)k->inputs);
      memcpy(data->output[i], y + i * k->outputs, sizeof(float) * (size_t)k->outputs);
    }
    for (round = 0; round < ROUNDS; round++) {
      double start = now();
      for (step = 0; step < STEPS; step++) must(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
      own[round] = (now() - start) * 1e9 / STEPS;
      start = now();
      for (step = 0; step < STEPS; step++) fann_train_epoch(net, data);
      theirs[round] = (now() - start) * 1e9 / STEPS;
    }
    {
      double a = median(own), b = median(theirs);
      printf("%-7s chainrule %8.1f ns (%.1f to %.1f)   FANN %8.1f ns (%.1f to %.1f)   %.2fx\n", k->name, a,
             own[ROUNDS / 10], own[ROUNDS * 9 / 10], b, theirs[ROUNDS / 10], theirs[ROUNDS * 9 / 10], b / a);
      if (b < 2 * a) slow = 1;
    }
    fann_destroy_train(data);
    fann_destroy(net);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
  return slow;
}
