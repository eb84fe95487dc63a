/*
 * Activation checkpointing: not a bit of a training changes with the number of segments, and the plan says what they
 * save. Usage: checkpointing FOLDER [1], where FOLDER is Tests/Oracle/values; with 1 it compares less, for sanitizers.
 */
#include "custom.h"
#include "oracle_networks.h"

enum { ROWS = 40, STEPS = 5, MOST = 40 * 16 * 64, CLASSES = 5 };
static float x[MOST];
static int32_t words[MOST], labels[ROWS];
static float targets[ROWS * 3], weights[ROWS];
static const int64_t segments[] = {2, 3, 7, 10000, -1};
enum { SEGMENTS = sizeof segments / sizeof *segments };
static int less; /* 1: not every number of segments */

static void fill(void) {
  int i;
  test_fill(x, MOST, 1);
  test_fill_labels(words, MOST, 11, 2);
  test_fill_labels(labels, ROWS, CLASSES, 3);
  test_fill(targets, ROWS * 3, 4);
  for (i = 0; i < ROWS; i++) weights[i] = 1 + (float)(i % 3);
}

/* ---- networks ---- */

static chainrule_node last_of(chainrule_model *model, const char *kind, const char *attributes) {
  chainrule_node node = -1;
  SUCCEEDS(chainrule_model_add(model, kind, attributes, &node));
  return node;
}

static void shortcut(chainrule_model *model, chainrule_node from, chainrule_node to) {
  chainrule_node pair[2];
  pair[0] = from, pair[1] = to;
  SUCCEEDS(chainrule_model_add_node(model, "add", "", pair, 2, NULL));
}

static chainrule_model *perceptron(chainrule_dtype dtype) {
  chainrule_model *model = test_model(dtype, 1);
  int i;
  test_add(model, "input", "shape=64");
  for (i = 0; i < 10; i++) {
    test_add(model, "linear", "out_features=64");
    test_add(model, i % 2 ? "gelu" : "relu", "");
    test_add(model, "dropout", "p=0.3");
  }
  test_add(model, "linear", "out_features=5");
  return model;
}

/* Batch norms, max pools, and a shortcut past each pair of convolutions. */
static chainrule_model *convolutions(chainrule_dtype dtype) {
  chainrule_model *model = test_model(dtype, 2);
  chainrule_node from;
  int i;
  test_add(model, "input", "shape=1,16,16");
  from = last_of(model, "conv2d", "out_channels=6 kernel_size=3 padding=1");
  for (i = 0; i < 4; i++) {
    test_add(model, "batch_norm2d", "");
    test_add(model, "relu", "");
    shortcut(model, from, last_of(model, "conv2d", "out_channels=6 kernel_size=3 padding=1"));
    from = last_of(model, i % 2 ? "max_pool2d" : "dropout2d", i % 2 ? "kernel_size=2" : "p=0.2");
  }
  test_add(model, "flatten", "");
  test_add(model, "linear", "out_features=5");
  return model;
}

static chainrule_model *recurrent(chainrule_dtype dtype) {
  static const char *const kinds[] = {"lstm", "gru", "lstm", "rnn"};
  chainrule_model *model = test_model(dtype, 3);
  int i;
  test_add(model, "input", "shape=16,8");
  for (i = 0; i < 4; i++) {
    chainrule_node output;
    output = last_of(model, kinds[i], i == 2 ? "hidden_size=8 num_layers=2 dropout=0.2 bidirectional=true" : "hidden_size=16");
    SUCCEEDS(chainrule_model_add_node(model, "layer_norm", "normalized_shape=16", &output, 1, NULL));
  }
  test_add(model, "flatten", "");
  test_add(model, "linear", "out_features=5");
  return model;
}

/* Indices, which are looked at, an embedding, attention. */
static chainrule_model *transformer(chainrule_dtype dtype) {
  chainrule_model *model = test_model(dtype, 4);
  int i;
  test_add(model, "input", "shape=16 dtype=integer");
  test_add(model, "embedding", "num_embeddings=11 embedding_dim=16");
  for (i = 0; i < 4; i++) test_add(model, "transformer_encoder_layer", "d_model=16 nhead=2 dim_feedforward=32 dropout=0.1");
  test_add(model, "flatten", "");
  test_add(model, "linear", "out_features=5");
  return model;
}

typedef chainrule_model *(*Network)(chainrule_dtype);
static const struct {
  const char *name;
  Network make;
  int rank, size[3], whole;
} networks[] = {
    {"perceptron", perceptron, 2, {64, 0, 0}, 0},
    {"convolutions", convolutions, 4, {1, 16, 16}, 0},
    {"recurrent", recurrent, 3, {16, 8, 0}, 0},
    {"transformer", transformer, 2, {16, 0, 0}, 1},
};

static chainrule_array input_of(int network) {
  chainrule_array in = chainrule_view(x, CHAINRULE_FLOAT32, networks[network].rank, ROWS, networks[network].size[0],
                                      networks[network].size[1], networks[network].size[2]);
  if (networks[network].whole) in.data = words, in.dtype = CHAINRULE_INT32;
  return in;
}

/* ---- what is compared ---- */

/* A hash of the losses of some steps. */
static uint64_t steps(chainrule_trainer *trainer, const chainrule_array *in, const chainrule_array *out, int count) {
  uint64_t hash = TEST_HASH_START;
  while (count-- > 0) {
    double loss = NAN;
    SUCCEEDS(chainrule_trainer_step(trainer, in, out, NULL, &loss));
    hash = test_hash(hash, &loss, sizeof loss);
  }
  return hash;
}

/* Losses and parameters of a training with so many segments on so many threads, and the memory that is planned. */
static uint64_t trained(int network, chainrule_dtype dtype, const char *optimizer, int64_t count, int threads,
                        chainrule_memory *memory) {
  chainrule_model *model = networks[network].make(dtype);
  chainrule_trainer *trainer = NULL;
  chainrule_array in = input_of(network), out = chainrule_labels(labels, ROWS);
  uint64_t hash = 0;
  int before = chainrule_get_num_threads();
  memset(memory, 0, sizeof *memory);
  if (SUCCEEDS(chainrule_trainer_create(model, "cross_entropy", optimizer, &trainer)) &&
      SUCCEEDS(chainrule_trainer_set_checkpoint_segments(trainer, count))) {
    *memory = test_memory(trainer, ROWS);
    SUCCEEDS(chainrule_set_num_threads(threads));
    hash = steps(trainer, &in, &out, STEPS);
    SUCCEEDS(chainrule_set_num_threads(before));
    hash = hash * 31 + test_parameter_hash(model);
  }
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return hash;
}

static void the_same_bits_in_less_memory(void) {
  static const char *const optimizers[] = {
      "adamw lr=0.01", "sgd lr=0.05 momentum=0.9 accumulate=2 clip_norm=0.5; *.bias frozen=true", "sgd lr=0.05"};
  int network, i, k;
  for (network = 0; network < 4; network++)
    for (i = 0; i < 4; i++) {
      chainrule_dtype dtype = i == 3 ? CHAINRULE_FLOAT64 : CHAINRULE_FLOAT32;
      chainrule_memory plain, memory;
      uint64_t expected = trained(network, dtype, optimizers[i % 3], 0, 1, &plain);
      test_case_part = networks[network].name;
      CHECK_EQUAL(plain.checkpointing_saves, 0);
      for (k = less; k < SEGMENTS; k += 1 + 2 * less) {
        CHECK(trained(network, dtype, optimizers[i % 3], segments[k], k % 2 + 1, &memory) == expected);
        CHECK_EQUAL(memory.activations + memory.checkpointing_saves - plain.activations, 0);
        if (memory.checkpointing_saves == 0 && segments[k] < 10000)
          test_fail(__FILE__, __LINE__, "%d segments save nothing", (int)segments[k]);
      }
    }
}

/* What is planned for many samples: known before any step. */
static void much_less_for_large_batches(void) {
  static const int64_t counts[] = {2, 3, 4, 6, 8, -1};
  int network, k;
  for (network = 0; network < 4; network++) {
    chainrule_model *model = networks[network].make(CHAINRULE_FLOAT32);
    chainrule_trainer *trainer = NULL;
    uint64_t plain, least;
    test_case_part = networks[network].name;
    REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", "adam", &trainer));
    plain = least = test_memory(trainer, 10000).activations;
    for (k = 0; k < 6; k++) {
      chainrule_memory memory;
      REQUIRE_OK(chainrule_trainer_set_checkpoint_segments(trainer, counts[k]));
      memory = test_memory(trainer, 10000);
      CHECK_EQUAL(memory.activations + memory.checkpointing_saves - plain, 0);
      if (counts[k] < 0) CHECK_EQUAL(memory.activations, least);
      if (memory.activations < least) least = memory.activations;
    }
    CHECK(least < plain / 4 * 3);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
}

/* Several outputs with a loss each, sample weights, fit with validation data, metrics, an average of the weights. */
static uint64_t fitted(int64_t count) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 5);
  chainrule_trainer *trainer = NULL;
  chainrule_history *history = NULL;
  chainrule_fit_options options = test_fit_options(2, 16);
  chainrule_array in = chainrule_matrix(x, ROWS, 64), out[2], weight = chainrule_vector(weights, ROWS);
  chainrule_node heads[2], trunk = -1;
  double values[4] = {0};
  uint64_t hash;
  int i;
  test_add(model, "input", "shape=64");
  for (i = 0; i < 6; i++) {
    test_add(model, "linear", "out_features=64");
    trunk = last_of(model, i == 2 ? "batch_norm1d" : "tanh", "");
  }
  SUCCEEDS(chainrule_model_add_node(model, "linear", "out_features=5", &trunk, 1, &heads[0]));
  SUCCEEDS(chainrule_model_add_node(model, "linear", "out_features=3", &trunk, 1, &heads[1]));
  SUCCEEDS(chainrule_model_set_outputs(model, heads, 2));
  out[0] = chainrule_labels(labels, ROWS), out[1] = chainrule_matrix(targets, ROWS, 3);
  options.sample_weight = &weight;
  options.validation_split = 0.2;
  SUCCEEDS(chainrule_trainer_create(model, "cross_entropy; mse factor=0.5", "adam ema_decay=0.9", &trainer));
  SUCCEEDS(chainrule_trainer_set_checkpoint_segments(trainer, count));
  CHECK((test_memory(trainer, 16).checkpointing_saves > 0) == (count != 0));
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, out, &options, &history));
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &in, out, &weight, values, 4, NULL));
  hash = test_hash(test_parameter_hash(model), values, sizeof values);
  chainrule_history_free(history);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return hash;
}

static void fit_and_evaluate(void) { CHECK(fitted(0) == fitted(3) && fitted(0) == fitted(-1)); }

/* Evaluates the loss several times a step, with one dropout for all. */
static void lbfgs(void) {
  int network;
  for (network = 0; network < 2; network++) {
    chainrule_memory memory;
    uint64_t expected = trained(network, CHAINRULE_FLOAT32, "lbfgs max_iter=3 line_search_fn=strong_wolfe", 0, 1, &memory);
    CHECK(trained(network, CHAINRULE_FLOAT32, "lbfgs max_iter=3 line_search_fn=strong_wolfe", 3, 2, &memory) == expected);
    CHECK(memory.checkpointing_saves > 0);
  }
}

/* Each layer of the catalog, in the networks of the oracle's cases; functions behind them, so that they aren't last. */
static int cases_that_save, cases_in_all;

static uint64_t of_case(OracleCase *current, int64_t count, chainrule_status *status) {
  static const char *const functions[] = {"tanh", "sigmoid", "tanh"};
  chainrule_node outputs[ORACLE_MOST];
  chainrule_array in[ORACLE_MOST];
  int output_count, i;
  chainrule_model *model = oracle_network(current, outputs, &output_count);
  chainrule_trainer *trainer = NULL;
  uint64_t hash = 0, saves;
  *status = CHAINRULE_OK;
  for (i = 0; i < current->input_count; i++)
    in[i] = oracle_array(&current->inputs[i], current->inputs[i].whole ? CHAINRULE_INT32 : CHAINRULE_FLOAT32);
  if (oracle_minimise(model, outputs, output_count, functions, 3) &&
      SUCCEEDS(chainrule_trainer_create(model, "none", "sgd lr=1e-3 clip_norm=1", &trainer)) &&
      SUCCEEDS(chainrule_trainer_set_checkpoint_segments(trainer, count))) {
    saves = test_memory(trainer, current->inputs[0].rank > 0 ? current->inputs[0].shape[0] : 1).checkpointing_saves;
    cases_that_save += saves > 0;
    for (i = 0; i < 3 && *status == CHAINRULE_OK; i++) {
      double loss = 0;
      *status = chainrule_trainer_step(trainer, in, NULL, NULL, &loss);
      hash = test_hash(hash, &loss, sizeof loss);
    }
    hash = hash * 31 + test_parameter_hash(model);
  }
  for (i = 0; i < current->input_count; i++) free(in[i].data);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  return hash;
}

static OracleCase current;

static void cases_of_file(void) {
  while (oracle_read(oracle_file, &current)) {
    test_case_part = current.name;
    if (!current.optimizer[0] && !current.loss[0]) {
      static const int64_t counts[] = {2, 3, 5, 1000};
      chainrule_status plain, status;
      uint64_t expected = of_case(&current, 0, &plain);
      int k;
      for (k = less; k < 4; k += 1 + 2 * less, cases_in_all++) {
        CHECK(of_case(&current, counts[k], &status) == expected);
        CHECK_EQUAL(status, plain);
      }
    }
    oracle_free(&current);
  }
}

/* Otherwise the comparisons above say little. */
static void most_cases_save(void) { CHECK(2 * cases_that_save > cases_in_all); }

/* ---- the option ---- */

/* Set and reset between steps, and kept in checkpoints, from which training goes on with the same bits. */
static void between_steps_and_in_checkpoints(void) {
  chainrule_array in = input_of(0), out = chainrule_labels(labels, ROWS);
  uint64_t expected = 0;
  int changed;
  for (changed = 0; changed < 2; changed++) {
    chainrule_model *model = perceptron(CHAINRULE_FLOAT32);
    chainrule_trainer *trainer = NULL;
    uint64_t saves;
    const char *path = test_path("checkpointing.safetensors");
    REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", "adam", &trainer));
    steps(trainer, &in, &out, 2);
    if (changed) REQUIRE_OK(chainrule_trainer_set_checkpoint_segments(trainer, 4));
    steps(trainer, &in, &out, 2);
    saves = test_memory(trainer, ROWS).checkpointing_saves;
    CHECK((saves > 0) == changed);
    REQUIRE_OK(chainrule_trainer_save(trainer, path));
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
    REQUIRE_OK(chainrule_trainer_load(path, &model, &trainer));
    CHECK_EQUAL(test_memory(trainer, ROWS).checkpointing_saves, saves);
    steps(trainer, &in, &out, 2);
    if (changed) REQUIRE_OK(chainrule_trainer_set_checkpoint_segments(trainer, 0));
    CHECK_EQUAL(test_memory(trainer, ROWS).checkpointing_saves, 0);
    steps(trainer, &in, &out, 2);
    if (!changed) expected = test_parameter_hash(model);
    CHECK(test_parameter_hash(model) == expected);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
}

/* Where nothing is to be saved, the plan is that of 0 segments: also for a single layer whose update needs no gradients. */
static void never_larger(void) {
  static const char *const optimizers[] = {"sgd lr=0.1", "adam"};
  chainrule_array in = chainrule_matrix(x, 20, 64), out = chainrule_labels(labels, 20);
  int i, k;
  for (i = 0; i < 2; i++) {
    uint64_t activations = 0, expected = 0;
    for (k = -1; k < SEGMENTS; k++) {
      chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 1, 64, 256, CLASSES, "relu");
      chainrule_trainer *trainer = NULL;
      chainrule_memory memory;
      REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", optimizers[i], &trainer));
      if (k >= 0) REQUIRE_OK(chainrule_trainer_set_checkpoint_segments(trainer, segments[k]));
      memory = test_memory(trainer, 20);
      steps(trainer, &in, &out, 3);
      if (k < 0) activations = memory.activations, expected = test_parameter_hash(model);
      CHECK(memory.activations <= activations);
      CHECK(test_parameter_hash(model) == expected);
      chainrule_trainer_free(trainer);
      chainrule_model_free(model);
    }
  }
}

static int64_t calls;
static int32_t twice_shape(void *user, const char *attributes, const chainrule_array *inputs, size_t count,
                           chainrule_array *output) {
  (void)user, (void)attributes, (void)count;
  *output = inputs[0];
  return 0;
}
static int32_t twice_forward(void *user, const char *attributes, const chainrule_array *inputs, size_t input_count,
                             const chainrule_array *output, int32_t training) {
  int64_t i;
  (void)user, (void)attributes, (void)input_count, (void)training;
  calls++;
  for (i = 0; i < count_of(output); i++) put(output, i, 2 * get(inputs, i));
  return 0;
}
static int32_t twice_backward(void *user, const char *attributes, const chainrule_array *inputs, size_t input_count,
                              const chainrule_array *output, const chainrule_array *output_gradient,
                              const chainrule_array *input_gradients) {
  int64_t i;
  (void)user, (void)attributes, (void)inputs, (void)input_count;
  for (i = 0; i < count_of(output); i++) put(&input_gradients[0], i, 2 * get(output_gradient, i));
  return 0;
}

/* A layer of the host program is called once a step, and its neighbours are computed again. */
static void own_layers_are_called_once(void) {
  chainrule_layer_definition definition;
  chainrule_array in = chainrule_matrix(x, ROWS, 64), out = chainrule_labels(labels, ROWS);
  uint64_t expected = 0;
  int i, with;
  memset(&definition, 0, sizeof definition);
  definition.struct_size = sizeof definition;
  definition.least_inputs = definition.most_inputs = 1;
  definition.output_shape = twice_shape;
  definition.forward = twice_forward;
  definition.backward = twice_backward;
  REQUIRE_OK(chainrule_register_layer("checkpointing_twice", &definition));
  for (with = 0; with < 2; with++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 6);
    chainrule_trainer *trainer = NULL;
    test_add(model, "input", "shape=64");
    for (i = 0; i < 8; i++) {
      test_add(model, "linear", "out_features=64");
      test_add(model, i % 4 == 1 ? "checkpointing_twice" : "silu", "");
      test_add(model, "layer_norm", "normalized_shape=64");
    }
    test_add(model, "linear", "out_features=5");
    REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", "adam", &trainer));
    REQUIRE_OK(chainrule_trainer_set_checkpoint_segments(trainer, with ? 3 : 0));
    CHECK((test_memory(trainer, ROWS).checkpointing_saves > 0) == with);
    calls = 0;
    steps(trainer, &in, &out, STEPS);
    CHECK_EQUAL(calls, 2 * STEPS);
    if (!with) expected = test_parameter_hash(model);
    CHECK(test_parameter_hash(model) == expected);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
}

static chainrule_trainer *busy_trainer;
static int32_t set_in_callback(void *user, const chainrule_progress *progress) {
  (void)user, (void)progress;
  FAILS(CHAINRULE_BUSY, chainrule_trainer_set_checkpoint_segments(busy_trainer, 2));
  return CHAINRULE_CONTINUE;
}

static void refusals(void) {
  static const int64_t wrong[] = {-2, 10001, INT64_MIN, INT64_MAX};
  chainrule_model *model = perceptron(CHAINRULE_FLOAT32);
  chainrule_array in = input_of(0), out = chainrule_labels(labels, ROWS);
  chainrule_fit_options options = test_fit_options(1, ROWS);
  chainrule_memory memory, before;
  size_t i;
  REQUIRE_OK(chainrule_trainer_create(model, "cross_entropy", "adam", &busy_trainer));
  REQUIRE_OK(chainrule_trainer_set_checkpoint_segments(busy_trainer, 3));
  before = test_memory(busy_trainer, ROWS);
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++)
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "segments", chainrule_trainer_set_checkpoint_segments(busy_trainer, wrong[i]));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_trainer_set_checkpoint_segments(NULL, 2));
  options.on_batch = set_in_callback;
  SUCCEEDS(chainrule_trainer_fit(busy_trainer, &in, &out, &options, NULL));
  memory = test_memory(busy_trainer, ROWS);
  CHECK(memcmp(&memory, &before, sizeof memory) == 0);
  /* A caller built against a header without the last field. */
  test_poison(&memory, sizeof memory);
  memory.struct_size = offsetof(chainrule_memory, checkpointing_saves);
  REQUIRE_OK(chainrule_trainer_memory(busy_trainer, ROWS, &memory));
  CHECK_EQUAL(memory.total - before.total, 0);
  CHECK_UNTOUCHED(memory.checkpointing_saves);
  chainrule_trainer_free(busy_trainer);
  chainrule_model_free(model);
}

int main(int argc, char **argv) {
  const char *folder = argc > 1 ? argv[1] : "Tests/Oracle/values";
  less = argc > 2;
  TEST_MAIN("checkpointing");
  if (!test_make_folder()) return 1;
  fill();
  RUN(the_same_bits_in_less_memory);
  RUN(much_less_for_large_batches);
  RUN(fit_and_evaluate);
  RUN(lbfgs);
  RUN(between_steps_and_in_checkpoints);
  RUN(never_larger);
  RUN(own_layers_are_called_once);
  RUN(refusals);
  oracle_run_files(folder, cases_of_file);
  RUN(most_cases_save);
  test_remove_folder();
  return test_finish();
}
