/* Arrays: the inline constructors, strides of every kind on the way in and out, overlapping outputs. */
#include "support.h"

static void constructors(void) {
  float values[6] = {0};
  double wide[6] = {0};
  int32_t labels[3] = {0};
  chainrule_array array = chainrule_matrix(values, 2, 3);
  CHECK(array.data == values && array.dtype == CHAINRULE_FLOAT32 && array.rank == 2 && !array.strided);
  CHECK(array.shape[0] == 2 && array.shape[1] == 3);
  array = chainrule_vector(values, 6);
  CHECK(array.rank == 1 && array.shape[0] == 6 && array.dtype == CHAINRULE_FLOAT32);
  array = chainrule_matrix_float64(wide, 3, 2);
  CHECK(array.rank == 2 && array.shape[0] == 3 && array.dtype == CHAINRULE_FLOAT64);
  array = chainrule_vector_float64(wide, 6);
  CHECK(array.rank == 1 && array.dtype == CHAINRULE_FLOAT64);
  array = chainrule_labels(labels, 3);
  CHECK(array.rank == 1 && array.dtype == CHAINRULE_INT32 && array.shape[0] == 3);
  array = chainrule_view(values, CHAINRULE_FLOAT32, 0, 0, 0, 0, 0);
  CHECK(array.rank == 0 && array.data == values);
}

/* input(3) -> linear(2) with known weights: y = x W^T + b. */
static chainrule_model *known_model(chainrule_dtype dtype) {
  static const double weight[6] = {1, 2, 3, -1, 0.5, 4}, bias[2] = {0.25, -0.5};
  chainrule_model *model = test_model(dtype, 0);
  chainrule_array array = chainrule_matrix_float64(weight, 2, 3);
  test_add(model, "input", "shape=3");
  test_add(model, "linear", "out_features=2");
  SUCCEEDS(chainrule_model_set_parameter(model, "0.weight", &array));
  array = chainrule_vector_float64(bias, 2);
  SUCCEEDS(chainrule_model_set_parameter(model, "0.bias", &array));
  return model;
}

static double known_answer(const double *row, int output) {
  return output == 0 ? row[0] + 2 * row[1] + 3 * row[2] + 0.25 : -row[0] + 0.5 * row[1] + 4 * row[2] - 0.5;
}

#define ROWS 5

static void store(void *memory, int64_t offset, chainrule_dtype dtype, double value) {
  char *at = (char *)memory + offset;
  float narrow = (float)value;
  if (dtype == CHAINRULE_FLOAT64) memcpy(at, &value, sizeof value);
  else memcpy(at, &narrow, sizeof narrow);
}

static double fetch(const void *memory, int64_t offset, chainrule_dtype dtype) {
  const char *at = (const char *)memory + offset;
  double value;
  float narrow;
  if (dtype == CHAINRULE_FLOAT64) {
    memcpy(&value, at, sizeof value);
    return value;
  }
  memcpy(&narrow, at, sizeof narrow);
  return narrow;
}

/* Steps from row to row and from column to column, in elements: C order, columns first, gaps,
   backwards, and (for inputs alone) one row repeated. */
static const int64_t in_steps[5][2] = {{3, 1}, {1, ROWS}, {7, 2}, {-3, -1}, {0, 1}};
static const int64_t out_steps[4][2] = {{2, 1}, {1, ROWS}, {7, 3}, {-2, -1}};

static void one_layout(const chainrule_model *model, chainrule_dtype in_type, chainrule_dtype out_type, int in_layout,
                       int out_layout) {
  char in[4096], out[4096];
  const int64_t middle = 2048;
  int64_t size = in_type == CHAINRULE_FLOAT64 ? 8 : 4, out_size = out_type == CHAINRULE_FLOAT64 ? 8 : 4;
  int64_t row, column, i;
  double x[ROWS][3];
  chainrule_array input = chainrule_view(in + middle, in_type, 2, ROWS, 3, 0, 0);
  chainrule_array output = chainrule_view(out + middle, out_type, 2, ROWS, 2, 0, 0);
  test_poison(in, sizeof in);
  test_poison(out, sizeof out);
  input.strided = in_layout != 0;
  output.strided = out_layout != 0;
  for (i = 0; i < 2; i++) {
    input.strides[i] = in_steps[in_layout][i] * size;
    output.strides[i] = out_steps[out_layout][i] * out_size;
  }
  for (row = 0; row < ROWS; row++)
    for (column = 0; column < 3; column++) {
      x[row][column] = in_layout == 4 ? 0.5 + (double)column : (double)(row * 3 + column) * 0.125 - 1;
      store(in, middle + row * input.strides[0] + column * input.strides[1], in_type, x[row][column]);
    }
  REQUIRE_OK(chainrule_model_predict(model, &input, &output));
  for (row = 0; row < ROWS; row++)
    for (column = 0; column < 2; column++) {
      int64_t at = middle + row * output.strides[0] + column * output.strides[1];
      CHECK_NEAR(fetch(out, at, out_type), known_answer(x[row], (int)column), 1e-5);
      memset(out + at, TEST_POISON, (size_t)out_size);
    }
  /* Nothing but the elements themselves was written. */
  if (!test_is_poisoned(out, sizeof out))
    test_fail(__FILE__, __LINE__, "bytes outside of the output were written (layout %d)", out_layout);
}

static void strides_in_and_out(void) {
  static const chainrule_dtype dtypes[2] = {CHAINRULE_FLOAT32, CHAINRULE_FLOAT64};
  int type, in_layout, out_layout;
  for (type = 0; type < 8; type++) { /* the model's, the input's and the output's */
    chainrule_model *model = known_model(dtypes[type & 1]);
    for (in_layout = 0; in_layout < 5; in_layout++)
      for (out_layout = 0; out_layout < 4; out_layout++)
        one_layout(model, dtypes[(type >> 1) & 1], dtypes[type >> 2], in_layout, out_layout);
    chainrule_model_free(model);
  }
}

/* Elements need not lie at multiples of their size: records in a packed struct. */
static void unaligned_elements(void) {
  chainrule_model *model = known_model(CHAINRULE_FLOAT32);
  char in[200], out[200];
  double x[ROWS][3];
  int64_t row, column;
  chainrule_array input = chainrule_view(in + 1, CHAINRULE_FLOAT32, 2, ROWS, 3, 0, 0);
  chainrule_array output = chainrule_view(out + 3, CHAINRULE_FLOAT64, 2, ROWS, 2, 0, 0);
  input.strided = output.strided = 1;
  input.strides[0] = 17, input.strides[1] = 5, output.strides[0] = 19, output.strides[1] = 9;
  for (row = 0; row < ROWS; row++)
    for (column = 0; column < 3; column++) {
      x[row][column] = (double)(row - column);
      store(in, 1 + row * 17 + column * 5, CHAINRULE_FLOAT32, x[row][column]);
    }
  if (SUCCEEDS(chainrule_model_predict(model, &input, &output)))
    for (row = 0; row < ROWS; row++)
      for (column = 0; column < 2; column++)
        CHECK_NEAR(fetch(out, 3 + row * 19 + column * 9, CHAINRULE_FLOAT64), known_answer(x[row], (int)column), 1e-5);
  /* Contiguous, and still at an odd address. */
  input.strided = output.strided = 0;
  for (row = 0; row < ROWS; row++)
    for (column = 0; column < 3; column++) store(in, 1 + (row * 3 + column) * 4, CHAINRULE_FLOAT32, x[row][column]);
  if (SUCCEEDS(chainrule_model_predict(model, &input, &output)))
    for (row = 0; row < ROWS; row++)
      for (column = 0; column < 2; column++)
        CHECK_NEAR(fetch(out, 3 + (row * 2 + column) * 8, CHAINRULE_FLOAT64), known_answer(x[row], (int)column), 1e-5);
  chainrule_model_free(model);
}

static void outputs_may_not_overlap(void) {
  chainrule_model *model = known_model(CHAINRULE_FLOAT32);
  float memory[64];
  unsigned overlap = BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE);
  chainrule_array input = chainrule_matrix(memory, ROWS, 3), output = chainrule_matrix(memory, ROWS, 2);
  float before[64];
  test_fill(memory, 64, 3);
  memcpy(before, memory, sizeof before);
  FAILS_ONE_OF(overlap, chainrule_model_predict(model, &input, &output));
  output.data = memory + 14; /* the input's last element */
  FAILS_ONE_OF(overlap, chainrule_model_predict(model, &input, &output));
  output.data = memory + 30; /* an output that overlaps itself */
  output.strided = 1;
  output.strides[0] = 0, output.strides[1] = 4;
  FAILS_ONE_OF(overlap, chainrule_model_predict(model, &input, &output));
  output.strides[0] = 4, output.strides[1] = 4;
  FAILS_ONE_OF(overlap, chainrule_model_predict(model, &input, &output));
  output.strides[0] = 8, output.strides[1] = 2;
  FAILS_ONE_OF(overlap, chainrule_model_predict(model, &input, &output));
  CHECK(memcmp(before, memory, sizeof before) == 0);
  output.data = memory + 15; /* side by side is fine */
  output.strided = 0;
  SUCCEEDS(chainrule_model_predict(model, &input, &output));
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("arrays");
  RUN(constructors);
  RUN(strides_in_and_out);
  RUN(unaligned_elements);
  RUN(outputs_may_not_overlap);
  return test_finish();
}
