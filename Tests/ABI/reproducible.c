/*
 * Prints one line for each case: its name and a hash of everything computed. The runner calls this
 * program at every CPU level and number of threads and compares: the same seed gives the same bits at
 * 1 and 2 threads, on AVX2 and AVX-512 alike. The first networks are large enough that the team of
 * threads really shares the work.
 */
#include "support.h"

static uint64_t hash;

static void add_array(const chainrule_array *array) {
  size_t bytes = array->dtype == CHAINRULE_FLOAT64 ? 8 : 4;
  int32_t axis;
  for (axis = 0; axis < array->rank; axis++) bytes *= (size_t)array->shape[axis];
  hash = test_hash(hash, array->data, bytes);
}

static int steps = 100;
static const char *compute = "float32";

/* Trains on labels and hashes the first weights, every loss, the last weights, and a prediction. */
static void train(const char *name, chainrule_dtype dtype, const char *const layers[][2], int features, int classes,
                  int rows, int step_count, const char *loss, const char *optimizer) {
  chainrule_model *model = test_model(dtype, 11);
  chainrule_trainer *trainer = NULL;
  float *x = (float *)malloc((size_t)(rows * features) * sizeof *x);
  float *p = (float *)malloc((size_t)(rows * classes) * sizeof *p);
  int32_t *labels = (int32_t *)malloc((size_t)rows * sizeof *labels);
  chainrule_array in = chainrule_matrix(x, rows, features), out = chainrule_labels(labels, rows);
  chainrule_array prediction = chainrule_matrix(p, rows, classes);
  double value = 0;
  int i;
  test_fill(x, (size_t)(rows * features), 1);
  test_fill_labels(labels, (size_t)rows, classes, 2);
  for (i = 0; layers[i][0] != NULL; i++) test_add(model, layers[i][0], layers[i][1]);
  SUCCEEDS(chainrule_model_set_compute(model, compute));
  hash = test_parameter_hash(model);
  SUCCEEDS(chainrule_trainer_create(model, loss, optimizer, &trainer));
  SUCCEEDS(chainrule_trainer_set_seed(trainer, 5));
  for (i = 0; i < step_count; i++) {
    SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, &value));
    hash = test_hash(hash, &value, sizeof value);
    if (test_case_failures) break;
  }
  hash ^= test_parameter_hash(model);
  SUCCEEDS(chainrule_model_predict(model, &in, &prediction));
  add_array(&prediction);
  if (test_case_failures == 0) printf("bits %s %016llx\n", name, (unsigned long long)hash);
  fflush(stdout);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  free(x);
  free(p);
  free(labels);
}

static const char *const digits[][2] = {{"input", "shape=784"},          {"linear", "out_features=512"}, {"relu", ""},
                                        {"linear", "out_features=512"}, {"relu", ""},                   {"linear", "out_features=10"},
                                        {NULL, NULL}};
static const char *const with_dropout[][2] = {
    {"input", "shape=300"}, {"linear", "out_features=400"}, {"gelu", ""},  {"dropout", "p=0.3"},
    {"linear", "out_features=257"}, {"tanh", ""},            {"dropout", ""}, {"linear", "out_features=13"},
    {NULL, NULL}};
static const char *const zoo[][2] = {
    {"input", "shape=61"},          {"linear", "out_features=67"}, {"elu", ""},
    {"linear", "out_features=71 weight_init=he_normal"}, {"selu", ""}, {"gelu", "approximate=tanh"},
    {"linear", "out_features=73 weight_init=xavier_uniform"}, {"silu", ""}, {"sigmoid", ""},
    {"linear", "out_features=31 bias=false"}, {"softplus", ""}, {"leaky_relu", ""}, {"hardtanh", ""},
    {"linear", "out_features=16 weight_init=normal(0,0.3)"}, {"softmax", ""}, {"log_softmax", ""},
    {NULL, NULL}};
static const char *const formulas[][2] = {
    {"input", "shape=40"}, {"linear", "out_features=300"}, {"sin", ""}, {"mul", "value=0.5"}, {"exp", ""},
    {"add", "value=1"}, {"log", ""}, {"sqrt", ""}, {"pow", "value=1.5"}, {"abs", ""}, {"neg", ""},
    {"reshape", "shape=3,100"}, {"mean", "dim=1"}, {"linear", "out_features=9"}, {NULL, NULL}};

static const char *const transformer[][2] = {
    {"input", "shape=252"}, {"reshape", "shape=7,36"}, {"transformer_encoder_layer", "d_model=36 nhead=3 dim_feedforward=50 activation=gelu"},
    {"flatten", ""}, {"linear", "out_features=11"}, {NULL, NULL}};

static void fit_with_everything(void) {
  enum { ROWS = 300, FEATURES = 64 };
  static float x[ROWS * FEATURES];
  static int32_t labels[ROWS];
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 2, FEATURES, 256, 10, "relu");
  chainrule_trainer *trainer = NULL;
  chainrule_history *history = NULL;
  chainrule_fit_options options = test_fit_options(4, 32);
  chainrule_array in = chainrule_matrix(x, ROWS, FEATURES), out = chainrule_labels(labels, ROWS);
  double values[4];
  size_t i;
  const char *name;
  test_fill(x, ROWS * FEATURES, 1);
  test_fill_labels(labels, ROWS, 10, 2);
  SUCCEEDS(chainrule_trainer_create(model, "cross_entropy label_smoothing=0.1", "adamw clip_norm=1", &trainer));
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "accuracy"));
  options.validation_split = 0.2;
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  hash = test_parameter_hash(model);
  for (i = 0; (name = chainrule_history_name(history, i)) != NULL; i++) {
    SUCCEEDS(chainrule_history_values(history, name, values, 4, NULL));
    hash = test_hash(hash, values, sizeof values);
  }
  if (test_case_failures == 0) printf("bits fit %016llx\n", (unsigned long long)hash);
  chainrule_history_free(history);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

int main(int argc, char **argv) {
  TEST_MAIN("reproducible");
  if (argc > 1) steps = atoi(argv[1]);
  train("digits-float32", CHAINRULE_FLOAT32, digits, 784, 10, 128, steps, "cross_entropy", "adam");
  train("digits-float64", CHAINRULE_FLOAT64, digits, 784, 10, 128, steps, "cross_entropy", "adam");
  train("dropout-float32", CHAINRULE_FLOAT32, with_dropout, 300, 13, 96, steps, "cross_entropy",
        "sgd lr=0.05 momentum=0.9 nesterov=true clip_norm=1");
  train("dropout-float64", CHAINRULE_FLOAT64, with_dropout, 300, 13, 96, steps, "cross_entropy", "rmsprop lr=0.001");
  train("activations-float32", CHAINRULE_FLOAT32, zoo, 61, 16, 77, steps, "cross_entropy", "adamw lr=0.01");
  train("activations-float64", CHAINRULE_FLOAT64, zoo, 61, 16, 77, steps, "cross_entropy", "adamw lr=0.01");
  train("formulas-float32", CHAINRULE_FLOAT32, formulas, 40, 9, 200, steps, "cross_entropy", "sgd lr=0.01");
  train("formulas-float64", CHAINRULE_FLOAT64, formulas, 40, 9, 200, steps, "cross_entropy", "sgd lr=0.01");
  train("one-sample", CHAINRULE_FLOAT32, digits, 784, 10, 1, steps, "cross_entropy class_weights=1,2,3,4,5,6,7,8,9,10",
        "adam");
  train("odd-batch", CHAINRULE_FLOAT32, digits, 784, 10, 37, steps, "cross_entropy", "adam clip_value=0.01");
  train("lamb", CHAINRULE_FLOAT32, digits, 784, 10, 37, steps, "cross_entropy", "lamb lr=0.01 clip_norm=1");
  train("adafactor-float32", CHAINRULE_FLOAT32, digits, 784, 10, 37, steps, "cross_entropy", "adafactor weight_decay=0.1");
  train("adafactor-float64", CHAINRULE_FLOAT64, digits, 784, 10, 37, steps, "cross_entropy", "adafactor");
  train("muon", CHAINRULE_FLOAT32, with_dropout, 300, 13, 37, steps, "cross_entropy", "muon lr=0.01; *.bias adamw");
  train("groups", CHAINRULE_FLOAT32, with_dropout, 300, 13, 37, steps, "cross_entropy",
        "nadam l1=1e-5 l2=1e-4 orthogonal=1e-4 clip_norm=1 accumulate=2 ema_decay=0.9; *.bias weight_decay=0.1; 0.weight max_norm=2; "
        "3.weight unit_norm=true non_negative=true");
  train("optimizers-float32", CHAINRULE_FLOAT32, zoo, 61, 16, 77, steps, "cross_entropy",
        "radam; 0.* adamax; 2.* adagrad; 5.* adadelta; 8.* rmsprop centered=true; 12.* asgd; *.bias lion");
  train("optimizers-float64", CHAINRULE_FLOAT64, zoo, 61, 16, 77, steps, "cross_entropy",
        "radam; 0.* adamax; 2.* adagrad; 5.* adadelta; 8.* rmsprop centered=true; 12.* asgd; *.bias lion");
  compute = "bfloat16";
  train("digits-bfloat16", CHAINRULE_FLOAT32, digits, 784, 10, 128, steps, "cross_entropy", "adam");
  train("dropout-bfloat16", CHAINRULE_FLOAT32, with_dropout, 300, 13, 37, steps, "cross_entropy", "sgd lr=0.05 momentum=0.9");
  train("transformer-bfloat16", CHAINRULE_FLOAT32, transformer, 7 * 36, 11, 19, steps, "cross_entropy", "adam");
  fit_with_everything();
  return test_case_failures == 0 ? 0 : 1;
}
