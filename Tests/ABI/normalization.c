/* Norms on arrays too large for the oracle's files, against sums in plain order; what layers keep while a
   model learns; first values; PyTorch's state with its count of batches as a whole number. */
#include "files.h"

/* ---- large arrays ---- */

typedef struct {
  const char *kind, *attributes, *shape; /* of a sample */
  int rank, samples, channels, inner;    /* [samples, channels, inner]; with rank 2 inner is 1 */
  int by;                                /* the set of an element: 0 its channel, 1 its sample, 2 both, 3 sample and half of the channels */
} Large;

static int set_of(const Large *c, int sample, int channel) {
  switch (c->by) {
    case 0: return channel;
    case 1: return sample;
    case 2: return sample * c->channels + channel;
    default: return sample * 2 + channel / (c->channels / 2);
  }
}

static void compare(const char *what, const double *got, const double *wanted, int count) {
  double largest = 0;
  int i;
  for (i = 0; i < count; i++) largest = fmax(largest, fabs(wanted[i]));
  for (i = 0; i < count; i++)
    if (!(fabs(got[i] - wanted[i]) <= 1e-11 * largest)) {
      test_fail(__FILE__, __LINE__, "%s[%d] is %.15g, expected %.15g", what, i, got[i], wanted[i]);
      return;
    }
}

static void large_norm(const Large *c, int is_last) {
  int count = c->samples * c->channels * c->inner, sets = c->samples * c->channels, n, k, i;
  int weights = is_last ? c->channels * c->inner : c->channels;
  double *x = malloc(8 * (size_t)count), *dy = malloc(8 * (size_t)count), *y = malloc(8 * (size_t)count), *dx = malloc(8 * (size_t)count);
  double *got = malloc(8 * (size_t)count), *mean = calloc((size_t)sets, 8), *variance = calloc((size_t)sets, 8), *size = calloc((size_t)sets, 8);
  double *s1 = calloc((size_t)sets, 8), *s2 = calloc((size_t)sets, 8);
  double *w = malloc(8 * (size_t)weights), *b = malloc(8 * (size_t)weights), *dw = calloc((size_t)weights, 8), *db = calloc((size_t)weights, 8);
  chainrule_array input = c->rank == 2 ? chainrule_matrix_float64(x, c->samples, c->channels * c->inner)
                                       : chainrule_view(x, CHAINRULE_FLOAT64, 3, c->samples, c->channels, c->inner, 0);
  chainrule_array seed = input, result = input, vector = chainrule_vector_float64(w, weights);
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 1);
  chainrule_context *context = NULL;
  test_case_part = c->kind;
  test_fill_float64(x, (size_t)count, 1);
  test_fill_float64(dy, (size_t)count, 2);
  test_fill_float64(w, (size_t)weights, 3);
  test_fill_float64(b, (size_t)weights, 4);
#define EACH for (n = 0; n < c->samples; n++) for (k = 0; k < c->channels; k++) for (i = 0; i < c->inner; i++)
#define AT ((n * c->channels + k) * c->inner + i)
#define SET set_of(c, n, k)
#define WEIGHT (is_last ? k * c->inner + i : k)
#define Z ((x[AT] - mean[SET]) / sqrt(variance[SET] + 1e-5))
  EACH mean[SET] += x[AT], size[SET] += 1;
  for (n = 0; n < sets; n++) mean[n] /= fmax(size[n], 1);
  EACH variance[SET] += (x[AT] - mean[SET]) * (x[AT] - mean[SET]) / size[SET];
  EACH {
    y[AT] = Z * w[WEIGHT] + b[WEIGHT];
    dw[WEIGHT] += dy[AT] * Z;
    db[WEIGHT] += dy[AT];
    s1[SET] += dy[AT] * w[WEIGHT] / size[SET];
    s2[SET] += dy[AT] * w[WEIGHT] * Z / size[SET];
  }
  EACH dx[AT] = (dy[AT] * w[WEIGHT] - s1[SET] - Z * s2[SET]) / sqrt(variance[SET] + 1e-5);
  test_add(model, "input", c->shape);
  test_add(model, c->kind, c->attributes);
  SUCCEEDS(chainrule_model_set_parameter(model, "0.weight", &vector));
  vector.data = b;
  SUCCEEDS(chainrule_model_set_parameter(model, "0.bias", &vector));
  seed.data = dy;
  result.data = got;
  if (SUCCEEDS(chainrule_context_create(model, &context)) && SUCCEEDS(chainrule_context_forward(context, &input, 1)) &&
      SUCCEEDS(chainrule_context_output(context, 0, &result))) {
    compare("the output", got, y, count);
    SUCCEEDS(chainrule_context_backward(context, &seed));
    SUCCEEDS(chainrule_context_input_gradient(context, 0, &result));
    compare("the gradient in the input", got, dx, count);
    vector.data = got;
    SUCCEEDS(chainrule_context_gradient(context, "0.weight", &vector));
    compare("the gradient in the weight", got, dw, weights);
    SUCCEEDS(chainrule_context_gradient(context, "0.bias", &vector));
    compare("the gradient in the bias", got, db, weights);
  }
  chainrule_context_free(context);
  chainrule_model_free(model);
  free(x), free(dy), free(y), free(dx), free(got), free(mean), free(variance), free(size), free(s1), free(s2);
  free(w), free(b), free(dw), free(db);
}

static void large(void) {
  static const Large rows[] = {
      {"layer_norm", "normalized_shape=300", "shape=300", 2, 700, 300, 1, 1},
      {"layer_norm", "normalized_shape=20000", "shape=20000", 2, 7, 20000, 1, 1},
      {"layer_norm", "normalized_shape=3", "shape=3", 2, 30000, 3, 1, 1},
      {"group_norm", "num_groups=2", "shape=64", 2, 2000, 64, 1, 3},
  };
  static const Large channels[] = {
      {"batch_norm", "", "shape=70", 2, 1500, 70, 1, 0},
      {"batch_norm1d", "", "shape=9,333", 3, 40, 9, 333, 0},
      {"batch_norm1d", "", "shape=2,30000", 3, 3, 2, 30000, 0},
      {"instance_norm1d", "affine=true", "shape=9,333", 3, 40, 9, 333, 2},
      {"group_norm", "num_groups=2", "shape=10,333", 3, 40, 10, 333, 3},
      {"group_norm", "num_groups=1", "shape=10,333", 3, 40, 10, 333, 1},
  };
  size_t i;
  for (i = 0; i < sizeof rows / sizeof *rows; i++) large_norm(&rows[i], 1);
  for (i = 0; i < sizeof channels / sizeof *channels; i++) large_norm(&channels[i], 0);
}

/* Float32 far from zero: the mean comes off before anything is squared. */
static void far_from_zero(void) {
  enum { ROWS = 4096 };
  static float x[ROWS * 2], y[ROWS * 2];
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_array input = chainrule_matrix(x, ROWS, 2), output = chainrule_matrix(y, ROWS, 2);
  double sum = 0, squares = 0;
  int i;
  for (i = 0; i < 2 * ROWS; i++) x[i] = 10000 + (float)(i / 2 % 2);
  test_add(model, "input", "shape=2");
  test_add(model, "batch_norm", "track_running_stats=false eps=0");
  REQUIRE_OK(chainrule_model_predict(model, &input, &output));
  for (i = 0; i < 2 * ROWS; i++) sum += y[i], squares += y[i] * (double)y[i];
  CHECK_NEAR(sum / (2 * ROWS), 0, 1e-6);
  CHECK_NEAR(squares / (2 * ROWS), 1, 1e-6);
  chainrule_model_free(model);
}

/* ---- what changes while a model learns ---- */

/* A table whose rows are shortened: PyTorch shortens first and then updates. */
static void shortened_before_the_update(void) {
  static const char *const optimizers[] = {"sgd lr=0.5", "sgd lr=0.5 weight_decay=0.1"};
  int k;
  for (k = 0; k < 2; k++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
    chainrule_trainer *trainer = NULL;
    int64_t x[2] = {0, 2};
    double weight[6] = {3, 4, 30, 40, 0.3, 0.4}, target[4] = {0, 0, 0, 0}, loss, decay = k ? 0.1 : 0;
    double short0 = 3 * (1 / (5 + 1e-7)), short1 = 4 * (1 / (5 + 1e-7));
    chainrule_array input = chainrule_view(x, CHAINRULE_INT64, 1, 2, 0, 0, 0), wanted = chainrule_matrix_float64(target, 2, 2);
    chainrule_array table = chainrule_matrix_float64(weight, 3, 2);
    test_add(model, "input", "shape= dtype=integer");
    test_add(model, "embedding", "num_embeddings=3 embedding_dim=2 max_norm=1 name=e");
    REQUIRE_OK(chainrule_model_set_parameter(model, "e.weight", &table));
    REQUIRE_OK(chainrule_trainer_create(model, "mse", optimizers[k], &trainer));
    REQUIRE_OK(chainrule_trainer_step(trainer, &input, &wanted, NULL, &loss));
    CHECK_NEAR(loss, (short0 * short0 + short1 * short1 + 0.25) / 4, 1e-12);
    REQUIRE_OK(chainrule_model_get_parameter(model, "e.weight", &table));
    /* The gradient of the mean square is half of each element. */
    CHECK_NEAR(weight[0], short0 - 0.5 * (0.5 + decay) * short0, 1e-12);
    CHECK_NEAR(weight[1], short1 - 0.5 * (0.5 + decay) * short1, 1e-12);
    CHECK_NEAR(weight[2], 30 - 0.5 * decay * 30, 1e-12);
    CHECK_NEAR(weight[4], 0.3 - 0.5 * (0.5 + decay) * 0.3, 1e-12);
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
  }
}

/* Running statistics of three batches, the average of all, and the count. */
static void running_statistics(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
  chainrule_trainer *trainer = NULL;
  double x[2], mean = 0, variance = 1, tracked = -1, loss;
  chainrule_array input = chainrule_matrix_float64(x, 2, 1), one = chainrule_vector_float64(&mean, 1), count = chainrule_view(&tracked, CHAINRULE_FLOAT64, 0, 0, 0, 0, 0);
  int step;
  test_add(model, "input", "shape=1");
  test_add(model, "batch_norm", "momentum=none");
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.01", &trainer));
  for (step = 1; step <= 3; step++) {
    x[0] = step, x[1] = 3 * step;
    REQUIRE_OK(chainrule_trainer_step(trainer, &input, &input, NULL, &loss));
  }
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.running_mean", &one));
  one.data = &variance;
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.running_var", &one));
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.num_batches_tracked", &count));
  CHECK_NEAR(mean, 4, 1e-12);                      /* 2, 4, 6 */
  CHECK_NEAR(variance, (2 + 8 + 18) / 3.0, 1e-12); /* unbiased */
  CHECK_NEAR(tracked, 3, 0);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* ---- first values ---- */

static void first_values(void) {
  enum { OUT = 6, IN = 9 };
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 12);
  double w[OUT * IN], v[OUT * IN], g[OUT], u[OUT], right[IN], product[IN], length = 0, sigma = 0;
  chainrule_array whole = chainrule_matrix_float64(v, OUT, IN), lengths = chainrule_matrix_float64(g, OUT, 1), output = chainrule_matrix_float64(w, OUT, IN);
  chainrule_array left = chainrule_vector_float64(u, OUT), rightVector = chainrule_vector_float64(right, IN);
  int i, k;
  test_add(model, "weight_norm", "shape=6,9 name=w");
  REQUIRE_OK(chainrule_model_predict(model, NULL, &output));
  REQUIRE_OK(chainrule_model_get_parameter(model, "w.original1", &whole));
  REQUIRE_OK(chainrule_model_get_parameter(model, "w.original0", &lengths));
  for (i = 0; i < OUT * IN; i++) CHECK_NEAR(w[i], v[i], 1e-12);
  for (i = 0; i < OUT; i++) {
    for (length = 0, k = 0; k < IN; k++) length += v[i * IN + k] * v[i * IN + k];
    CHECK_NEAR(g[i], sqrt(length), 1e-12);
  }
  chainrule_model_free(model);

  model = test_model(CHAINRULE_FLOAT64, 12);
  test_add(model, "spectral_norm", "shape=6,9 name=w");
  REQUIRE_OK(chainrule_model_predict(model, NULL, &output));
  REQUIRE_OK(chainrule_model_get_parameter(model, "w.original", &whole));
  REQUIRE_OK(chainrule_model_get_parameter(model, "w.0._u", &left));
  REQUIRE_OK(chainrule_model_get_parameter(model, "w.0._v", &rightVector));
  for (i = 0; i < OUT; i++)
    for (k = 0; k < IN; k++) sigma += u[i] * v[i * IN + k] * right[k];
  for (i = 0; i < OUT * IN; i++) CHECK_NEAR(w[i], v[i] / sigma, 1e-12);
  /* Nearly the largest singular value: many more steps of power iteration find 1. */
  memcpy(product, right, sizeof product);
  for (length = 0, k = 0; k < 500; k++) {
    double image[OUT] = {0};
    int j;
    for (i = 0; i < OUT; i++)
      for (j = 0; j < IN; j++) image[i] += w[i * IN + j] * product[j];
    for (length = 0, j = 0; j < IN; j++) {
      for (product[j] = 0, i = 0; i < OUT; i++) product[j] += w[i * IN + j] * image[i];
      length += product[j] * product[j];
    }
    length = sqrt(length);
    for (j = 0; j < IN; j++) product[j] /= length;
  }
  CHECK_NEAR(sqrt(length), 1, 0.02);
  chainrule_model_free(model);

  /* The padding row is zeros, the others are not. */
  model = test_model(CHAINRULE_FLOAT64, 12);
  test_add(model, "input", "shape= dtype=integer");
  test_add(model, "embedding", "num_embeddings=6 embedding_dim=9 padding_idx=-2 name=e");
  REQUIRE_OK(chainrule_model_get_parameter(model, "e.weight", &whole));
  for (i = 0; i < OUT * IN; i++) CHECK((v[i] == 0) == (i / IN == 4));
  chainrule_model_free(model);
}

/* ---- files ---- */

/* A state as PyTorch saves it, the count of batches being I64. */
static void state_of_pytorch(void) {
  static const char header[] =
      "{\"0.bias\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
      "\"0.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[8,16]},"
      "\"0.running_mean\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
      "\"0.running_var\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[24,32]},"
      "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[32,40]}}";
  char bytes[1000];
  float values[10] = {1, 2, 0, 0, 3, 4, 5, 6, 7, 8}, got = 0, pair[2];
  int64_t count = 1234;
  uint64_t length = strlen(header);
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0), *copy = NULL;
  chainrule_array scalar = chainrule_view(&got, CHAINRULE_FLOAT32, 0, 0, 0, 0, 0), vector = chainrule_vector(pair, 2);
  memcpy(values + 2, &count, 8);
  memcpy(bytes, &length, 8);
  memcpy(bytes + 8, header, length);
  memcpy(bytes + 8 + length, values, 40);
  test_add(model, "input", "shape=2");
  test_add(model, "batch_norm1d", "");
  REQUIRE(test_make_folder() && test_write(test_path("state"), bytes, 48 + length));
  REQUIRE_OK(chainrule_model_load_parameters(model, test_path("state"), 1));
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.num_batches_tracked", &scalar));
  CHECK(got == 1234);
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.running_var", &vector));
  CHECK(pair[0] == 5 && pair[1] == 6);
  /* Whole numbers for what is trained stay refused. */
  memcpy(strstr(bytes + 8, "F32"), "I32", 3);
  REQUIRE(test_write(test_path("state"), bytes, 48 + length));
  FAILS_SAYING(CHAINRULE_FORMAT, "0.bias", chainrule_model_load_parameters(model, test_path("state"), 1));
  /* And what we save comes back. */
  REQUIRE_OK(chainrule_model_save(model, test_path("model")));
  REQUIRE_OK(chainrule_model_load(test_path("model"), &copy));
  CHECK(test_parameter_hash(copy) == test_parameter_hash(model));
  chainrule_model_free(copy);
  chainrule_model_free(model);
  test_remove_folder();
}

int main(void) {
  TEST_MAIN("normalization");
  RUN(large);
  RUN(far_from_zero);
  RUN(shortened_before_the_update);
  RUN(running_statistics);
  RUN(first_values);
  RUN(state_of_pytorch);
  return test_finish();
}
