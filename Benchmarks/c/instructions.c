/* Some training steps of one of the five smallest networks, for Benchmarks/instructions.sh to count instructions of.

     cc -O2 instructions.c -lchainrule
     ./instructions NETWORK STEPS */
#include <chainrule.h>
#include <string.h>

#include "measuring.h"

typedef struct {
  const char *name, *activation, *loss, *optimizer;
  int batch, sizes[5];
} network;

static const network networks[] = {
    {"linreg", "", "mse", "sgd lr=0.01", 32, {13, 1}},
    {"xor", "tanh", "mse", "sgd lr=0.01", 4, {2, 8, 1}},
    {"iris", "relu", "cross_entropy", "adam lr=0.001", 16, {4, 16, 3}},
    {"tabular", "relu", "cross_entropy", "adam lr=0.001", 256, {54, 128, 128, 7}},
    {"mnist-mlp", "relu", "cross_entropy", "adam lr=0.001", 64, {784, 128, 10}},
};

static void train(const network *n, long steps) {
  static float x[256 * 784], y[256];
  static int32_t labels[256];
  chainrule_model *model;
  chainrule_trainer *trainer;
  chainrule_array in, out;
  char text[64];
  int i;
  for (i = 0; i < n->batch * n->sizes[0]; i++) x[i] = (float)(i % 101) / 101 - 0.5f;
  must(chainrule_set_num_threads(1));
  must(chainrule_model_create(NULL, &model));
  snprintf(text, sizeof text, "shape=%d", n->sizes[0]);
  must(chainrule_model_add(model, "input", text, NULL));
  for (i = 1; n->sizes[i]; i++) {
    if (i > 1) must(chainrule_model_add(model, n->activation, "", NULL));
    snprintf(text, sizeof text, "out_features=%d", n->sizes[i]);
    must(chainrule_model_add(model, "linear", text, NULL));
  }
  in = chainrule_matrix(x, n->batch, n->sizes[0]);
  for (i = 0; i < n->batch; i++) y[i] = (float)(i % 7), labels[i] = i % 3;
  out = strcmp(n->loss, "mse") == 0 ? chainrule_matrix(y, n->batch, 1) : chainrule_labels(labels, n->batch);
  must(chainrule_trainer_create(model, n->loss, n->optimizer, &trainer));
  while (steps-- > 0) must(chainrule_trainer_step(trainer, &in, &out, NULL, NULL));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(int count, char **words) {
  size_t i;
  for (i = 0; count == 3 && i < sizeof networks / sizeof *networks; i++) {
    if (strcmp(words[1], networks[i].name) != 0) continue;
    train(&networks[i], strtol(words[2], NULL, 10));
    return 0;
  }
  fprintf(stderr, "usage: instructions linreg|xor|iris|tabular|mnist-mlp STEPS\n");
  return 2;
}
