/* Products of operands rounded to bfloat16 (chainrule_model_set_compute): to the bit those of float32 on operands
   rounded beforehand, forward and backward, at every shape; the words and refusals; changing one's mind; files; and
   that a network learns with it what it learns without. */
#include "files.h"
#include "training.h"

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}
static float float_of(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
/* To nearest, ties to even. */
static float rounded(float x) {
  uint32_t bits = bits_of(x);
  if ((bits & 0x7f800000u) == 0) return float_of(bits & 0x80000000u);
  if (x != x) return float_of((bits & 0xffff0000u) | 0x400000u);
  return float_of((bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u);
}
static void round_all(const float *from, float *to, size_t count) {
  size_t i;
  for (i = 0; i < count; i++) to[i] = rounded(from[i]);
}

static chainrule_model *product_model(const char *compute, int m, int n, int k) {
  chainrule_model *product = test_model(CHAINRULE_FLOAT32, 0);
  char text[64];
  chainrule_node nodes[2];
  snprintf(text, sizeof text, "shape=%d,%d batched=false", m, k);
  SUCCEEDS(chainrule_model_add_node(product, "input", text, NULL, 0, &nodes[0]));
  snprintf(text, sizeof text, "shape=%d,%d batched=false", k, n);
  SUCCEEDS(chainrule_model_add_node(product, "input", text, NULL, 0, &nodes[1]));
  SUCCEEDS(chainrule_model_add_node(product, "matmul", "", nodes, 2, NULL));
  SUCCEEDS(chainrule_model_set_compute(product, compute));
  return product;
}

/* Forward and backward of matmul: three products, of operands along both of their dimensions. */
static void run_product(const char *compute, int m, int n, int k, float *a, float *b, float *dc, float *c, float *da, float *db) {
  chainrule_model *product = product_model(compute, m, n, k);
  chainrule_context *context = NULL;
  chainrule_array inputs[2], result = chainrule_matrix(c, m, n), gradient = chainrule_matrix(dc, m, n), wanted;
  inputs[0] = chainrule_matrix(a, m, k);
  inputs[1] = chainrule_matrix(b, k, n);
  REQUIRE_OK(chainrule_context_create(product, &context));
  REQUIRE_OK(chainrule_context_forward(context, inputs, 1));
  SUCCEEDS(chainrule_context_output(context, 0, &result));
  REQUIRE_OK(chainrule_context_backward(context, &gradient));
  wanted = chainrule_matrix(da, m, k);
  SUCCEEDS(chainrule_context_input_gradient(context, 0, &wanted));
  wanted = chainrule_matrix(db, k, n);
  SUCCEEDS(chainrule_context_input_gradient(context, 1, &wanted));
  chainrule_context_free(context);
  chainrule_model_free(product);
}

enum { MOST = 1100 * 100 };
static float numbers[12][MOST];

static void compare_product(int m, int n, int k) {
  static char part[80];
  float **at, *list[12];
  int i, j, t;
  for (i = 0; i < 12; i++) list[i] = numbers[i];
  at = list;
  snprintf(part, sizeof part, "%d x %d x %d", m, n, k);
  test_case_part = part;
  test_fill(at[0], (size_t)(m * k), (uint64_t)(m + k));
  test_fill(at[1], (size_t)(k * n), (uint64_t)(n + k + 1));
  test_fill(at[2], (size_t)(m * n), (uint64_t)(m + n + 2));
  run_product("bfloat16", m, n, k, at[0], at[1], at[2], at[3], at[4], at[5]);
  round_all(at[0], at[6], (size_t)(m * k));
  round_all(at[1], at[7], (size_t)(k * n));
  round_all(at[2], at[8], (size_t)(m * n));
  run_product("float32", m, n, k, at[6], at[7], at[8], at[9], at[10], at[11]);
  CHECK(memcmp(at[3], at[9], (size_t)(m * n) * sizeof(float)) == 0);
  CHECK(memcmp(at[4], at[10], (size_t)(m * k) * sizeof(float)) == 0);
  CHECK(memcmp(at[5], at[11], (size_t)(k * n) * sizeof(float)) == 0);
  if (k > 512) return; /* one block: a plain chain, whose products are exact */
  for (i = 0; i < m; i++)
    for (j = 0; j < n; j++) {
      float sum = 0;
      for (t = 0; t < k; t++) sum += at[6][i * k + t] * at[7][t * n + j];
      if (sum != at[3][i * n + j]) {
        test_fail(__FILE__, __LINE__, "element %d, %d is %.9g, expected %.9g", i, j, (double)at[3][i * n + j], (double)sum);
        return;
      }
    }
}

static void every_shape(void) {
  const int rows[] = {1, 2, 4, 5, 8, 9, 12, 20, 31, 52, 100}, columns[] = {1, 7, 16, 17, 32, 33, 48, 100};
  const int depths[] = {1, 2, 3, 15, 16, 17, 64, 131, 500};
  size_t i, j, l;
  for (i = 0; i < sizeof rows / sizeof *rows; i++)
    for (j = 0; j < sizeof columns / sizeof *columns; j++)
      for (l = 0; l < sizeof depths / sizeof *depths; l++) compare_product(rows[i], columns[j], depths[l]);
  compare_product(37, 65, 1025);
  compare_product(100, 1, 1100);
  compare_product(1, 100, 777);
  compare_product(90, 1021, 61);
  compare_product(1024, 64, 96);
}

/* A batch of matrices, and one matrix for all of a batch. */
static void batches(void) {
  int both, pass, i;
  for (both = 0; both < 2; both++) {
    float *results[2] = {numbers[4], numbers[5]};
    for (pass = 0; pass < 2; pass++) {
      chainrule_model *product = test_model(CHAINRULE_FLOAT32, 0);
      chainrule_node nodes[2];
      chainrule_array inputs[2], result = chainrule_view(results[pass], CHAINRULE_FLOAT32, 3, 5, 19, 40, 0);
      SUCCEEDS(chainrule_model_add_node(product, "input", "shape=19,23", NULL, 0, &nodes[0]));
      SUCCEEDS(chainrule_model_add_node(product, "input", both ? "shape=23,40" : "shape=23,40 batched=false", NULL, 0, &nodes[1]));
      SUCCEEDS(chainrule_model_add_node(product, "matmul", "", nodes, 2, NULL));
      if (pass == 0) SUCCEEDS(chainrule_model_set_compute(product, "bfloat16"));
      for (i = 0; i < 2; i++) {
        test_fill(numbers[i], 5 * 23 * 40, (uint64_t)i);
        if (pass == 1) round_all(numbers[i], numbers[i], 5 * 23 * 40);
      }
      inputs[0] = chainrule_view(numbers[0], CHAINRULE_FLOAT32, 3, 5, 19, 23, 0);
      inputs[1] = both ? chainrule_view(numbers[1], CHAINRULE_FLOAT32, 3, 5, 23, 40, 0) : chainrule_matrix(numbers[1], 23, 40);
      SUCCEEDS(chainrule_model_predict(product, inputs, &result));
      chainrule_model_free(product);
    }
    CHECK(memcmp(results[0], results[1], 5 * 19 * 40 * sizeof(float)) == 0);
  }
}

/* NaN and infinity come through; denormal numbers count as zeros. */
static void special_values(void) {
  const float infinity = float_of(0x7f800000u), nan = float_of(0x7f800001u);
  enum { M = 20, N = 40, K = 24 };
  float *a = numbers[0], *b = numbers[1], *c = numbers[2];
  chainrule_model *product = product_model("bfloat16", M, N, K);
  chainrule_array inputs[2], result = chainrule_matrix(c, M, N);
  inputs[0] = chainrule_matrix(a, M, K);
  inputs[1] = chainrule_matrix(b, K, N);
  memset(a, 0, sizeof(float) * M * K);
  memset(b, 0, sizeof(float) * K * N);
  a[0] = nan;
  a[K + 1] = infinity;
  b[N + 3] = 1;
  a[2 * K] = 1e-40f; /* denormal itself */
  b[5] = 1e30f;
  a[3 * K + 2] = 1e-20f; /* whose product is denormal */
  b[2 * N + 6] = 1e-20f;
  a[4 * K + 3] = 3.4e38f; /* rounds to infinity */
  b[3 * N + 7] = 1;
  SUCCEEDS(chainrule_model_predict(product, inputs, &result));
  CHECK(c[0] != c[0] && c[5] != c[5]);
  CHECK(c[N + 3] == infinity && c[N + 4] != c[N + 4]);
  CHECK(c[2 * N + 5] == 0);
  CHECK(c[3 * N + 6] == 0);
  CHECK(c[4 * N + 7] == infinity);
  CHECK(c[5 * N] == 0 && c[M * N - 1] == 0);
  chainrule_model_free(product);
}

/* A layer's gradients: products of rounded numbers; the bias's is a sum of those that were not rounded. */
static void layer(void) {
  enum { SAMPLES = 50, IN = 37, OUT = 43 };
  float *x_ = numbers[0], *dy = numbers[1], *weight = numbers[2], *got = numbers[3];
  chainrule_model *one = test_model(CHAINRULE_FLOAT32, 3);
  chainrule_context *context = NULL;
  chainrule_array input = chainrule_matrix(x_, SAMPLES, IN), gradient = chainrule_matrix(dy, SAMPLES, OUT);
  chainrule_array weights = chainrule_matrix(weight, OUT, IN), place;
  int i, o, s;
  test_add(one, "input", "shape=37");
  test_add(one, "linear", "out_features=43");
  test_fill(x_, SAMPLES * IN, 1);
  test_fill(dy, SAMPLES * OUT, 2);
  SUCCEEDS(chainrule_model_set_compute(one, "bfloat16"));
  SUCCEEDS(chainrule_model_get_parameter(one, "0.weight", &weights));
  REQUIRE_OK(chainrule_context_create(one, &context));
  REQUIRE_OK(chainrule_context_forward(context, &input, 1));
  REQUIRE_OK(chainrule_context_backward(context, &gradient));
  place = chainrule_matrix(got, OUT, IN);
  REQUIRE_OK(chainrule_context_gradient(context, "0.weight", &place));
  for (o = 0; o < OUT; o++)
    for (i = 0; i < IN; i++) {
      float sum = 0;
      for (s = 0; s < SAMPLES; s++) sum += rounded(x_[s * IN + i]) * rounded(dy[s * OUT + o]);
      CHECK(sum == got[o * IN + i]);
    }
  place = chainrule_matrix(got, SAMPLES, IN);
  REQUIRE_OK(chainrule_context_input_gradient(context, 0, &place));
  for (s = 0; s < SAMPLES; s++)
    for (i = 0; i < IN; i++) {
      float sum = 0;
      for (o = 0; o < OUT; o++) sum += rounded(dy[s * OUT + o]) * rounded(weight[o * IN + i]);
      CHECK(sum == got[s * IN + i]);
    }
  place = chainrule_vector(got, OUT);
  REQUIRE_OK(chainrule_context_gradient(context, "0.bias", &place));
  for (o = 0; o < OUT; o++) {
    double sum = 0;
    for (s = 0; s < SAMPLES; s++) sum += dy[s * OUT + o];
    CHECK_NEAR(got[o], sum, 1e-5);
  }
  chainrule_context_free(context);
  chainrule_model_free(one);
}

static void words(void) {
  const char *word = NULL;
  chainrule_model *wide = test_mlp(CHAINRULE_FLOAT64, 1, 4, 8, 2, "tanh"), *loaded = NULL;
  REQUIRE(begin("mse", "sgd"));
  SUCCEEDS(chainrule_model_get_compute(model, &word));
  CHECK(strcmp(word, "float32") == 0);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_set_compute(model, "float16"));
  CHECK(strstr(chainrule_last_error()->expected, "float32, bfloat16") != NULL);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_set_compute(model, ""));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_set_compute(model, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_set_compute(NULL, "bfloat16"));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_get_compute(model, NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_get_compute(NULL, &word));
  FAILS(CHAINRULE_DTYPE, chainrule_model_set_compute(wide, "bfloat16"));
  SUCCEEDS(chainrule_model_set_compute(wide, "float32"));
  SUCCEEDS(chainrule_model_set_compute(model, "bfloat16"));
  SUCCEEDS(chainrule_model_get_compute(model, &word));
  CHECK(strcmp(word, "bfloat16") == 0);
  SUCCEEDS(chainrule_model_save(model, test_path("saved")));
  REQUIRE_OK(chainrule_model_load(test_path("saved"), &loaded));
  SUCCEEDS(chainrule_model_get_compute(loaded, &word));
  CHECK(strcmp(word, "bfloat16") == 0);
  chainrule_model_free(loaded);
  chainrule_model_free(wide);
  test_clear_folder();
  end();
}

static chainrule_status answer;
static int32_t change(void *user, const chainrule_progress *progress) {
  (void)user, (void)progress;
  answer = chainrule_model_set_compute(model, "bfloat16");
  return CHAINRULE_CONTINUE;
}

/* Everything that was planned before follows the last word. */
static void changes(void) {
  float results[4][ROWS * 2], *at;
  double losses[3];
  uint64_t weights[3];
  chainrule_context *context = NULL;
  chainrule_array result;
  const char *const words[] = {"float32", "bfloat16", "float32"};
  chainrule_fit_options options = test_fit_options(1, 3);
  int i;
  REQUIRE(begin("mse", "sgd lr=0.5"));
  REQUIRE_OK(chainrule_context_create(model, &context));
  for (i = 0; i < 3; i++) {
    SUCCEEDS(chainrule_model_set_compute(model, words[i]));
    result = chainrule_matrix(results[i], ROWS, 2);
    SUCCEEDS(chainrule_model_predict(model, &in, &result));
    SUCCEEDS(chainrule_model_predict(model, &in, &result));
    result = chainrule_matrix(results[3], ROWS, 2);
    SUCCEEDS(chainrule_context_forward(context, &in, 1));
    SUCCEEDS(chainrule_context_output(context, 0, &result));
    CHECK(memcmp(results[i], results[3], sizeof results[3]) == 0);
    SUCCEEDS(chainrule_model_initialize(model, 1));
    SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, &losses[i]));
    SUCCEEDS(chainrule_trainer_step(trainer, &in, &out, NULL, &losses[i]));
    weights[i] = test_parameter_hash(model);
    SUCCEEDS(chainrule_model_initialize(model, 1));
  }
  at = results[0];
  CHECK(memcmp(at, results[1], sizeof results[1]) != 0);
  CHECK(memcmp(at, results[2], sizeof results[2]) == 0);
  for (i = 0; i < ROWS * 2; i++) CHECK_NEAR(at[i], results[1][i], 0.01);
  CHECK(losses[0] != losses[1] && losses[0] == losses[2]);
  CHECK_NEAR(losses[0], losses[1], 0.01);
  CHECK(weights[0] != weights[1] && weights[0] == weights[2]);
  options.on_epoch = change;
  SUCCEEDS(chainrule_trainer_fit(trainer, &in, &out, &options, NULL));
  CHECK_EQUAL(answer, CHAINRULE_BUSY);
  chainrule_context_free(context);
  end();
}

/* Ten clouds of points: with rounded products the network does as well, and its first gradients are near. */
static void learns(void) {
  enum { COUNT = 1000, SIZE = 40, CLASSES = 10 };
  float *points = numbers[0], *scores = numbers[1], centres[CLASSES * SIZE];
  static int32_t labels[COUNT];
  chainrule_array input = chainrule_matrix(points, COUNT, SIZE), targets = chainrule_labels(labels, COUNT);
  chainrule_array result = chainrule_matrix(scores, COUNT, CLASSES);
  int right[2] = {0, 0}, pass, i, j, epoch;
  double loss = 0;
  uint64_t state = 9;
  test_fill(centres, CLASSES * SIZE, 4);
  for (i = 0; i < COUNT; i++) {
    labels[i] = (int32_t)(test_random_bits(&state) % CLASSES);
    for (j = 0; j < SIZE; j++) points[i * SIZE + j] = centres[labels[i] * SIZE + j] + test_random(&state, -1.5f, 1.5f);
  }
  for (pass = 0; pass < 2; pass++) {
    chainrule_model *net = test_mlp(CHAINRULE_FLOAT32, 7, SIZE, 64, CLASSES, "relu");
    chainrule_trainer *own = NULL;
    chainrule_memory memory;
    memset(&memory, 0, sizeof memory);
    memory.struct_size = sizeof memory;
    if (pass == 1) SUCCEEDS(chainrule_model_set_compute(net, "bfloat16"));
    REQUIRE_OK(chainrule_trainer_create(net, "cross_entropy", "adam lr=0.01", &own));
    SUCCEEDS(chainrule_trainer_memory(own, COUNT, &memory));
    CHECK(memory.activations > 0);
    for (epoch = 0; epoch < 60; epoch++) SUCCEEDS(chainrule_trainer_step(own, &input, &targets, NULL, &loss));
    CHECK(loss < 0.2);
    SUCCEEDS(chainrule_model_predict(net, &input, &result));
    for (i = 0; i < COUNT; i++) {
      int best = 0;
      for (j = 1; j < CLASSES; j++)
        if (scores[i * CLASSES + j] > scores[i * CLASSES + best]) best = j;
      right[pass] += best == labels[i];
    }
    chainrule_trainer_free(own);
    chainrule_model_free(net);
  }
  CHECK(right[0] > COUNT * 95 / 100);
  CHECK(right[1] >= right[0] - COUNT / 200);
}

int main(void) {
  TEST_MAIN("bfloat16");
  if (!test_make_folder()) return 2;
  RUN(every_shape);
  RUN(batches);
  RUN(special_values);
  RUN(layer);
  RUN(words);
  RUN(changes);
  RUN(learns);
  test_remove_folder();
  return test_finish();
}
