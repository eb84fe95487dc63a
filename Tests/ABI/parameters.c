/* Parameters: their names, shapes and order, reading and writing them, drawing them anew. */
#include "support.h"

static chainrule_tensor_info blank_info(void) {
  chainrule_tensor_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  return info;
}

static void names_and_shapes(void) {
  static const char *const names[4] = {"0.weight", "0.bias", "2.weight", "2.bias"};
  static const int64_t shapes[4][2] = {{8, 4}, {8, 0}, {2, 8}, {2, 0}};
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT64, 0, 4, 8, 2, "relu");
  size_t count = 0, i;
  chainrule_tensor_info info = blank_info();
  REQUIRE_OK(chainrule_model_parameter_count(model, &count));
  REQUIRE(count == 4);
  for (i = 0; i < count; i++) {
    info = blank_info();
    REQUIRE_OK(chainrule_model_parameter_info(model, i, &info));
    CHECK(strcmp(info.name, names[i]) == 0);
    CHECK_EQUAL(info.dtype, CHAINRULE_FLOAT64);
    CHECK_EQUAL(info.rank, shapes[i][1] ? 2 : 1);
    CHECK(info.shape[0] == shapes[i][0] && (info.rank == 1 || info.shape[1] == shapes[i][1]));
    CHECK_EQUAL(info.trainable, 1);
    CHECK_EQUAL(info.struct_size, sizeof info);
  }
  info = blank_info();
  REQUIRE_OK(chainrule_model_input_info(model, 0, &info));
  CHECK(info.rank == 2 && info.shape[0] == -1 && info.shape[1] == 4);
  info = blank_info();
  REQUIRE_OK(chainrule_model_output_info(model, 0, &info));
  CHECK(info.rank == 2 && info.shape[0] == -1 && info.shape[1] == 2);
  chainrule_model_free(model);
}

static void given_names_and_constants(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_tensor_info info = blank_info();
  float value[2] = {0};
  chainrule_array array = chainrule_vector(value, 2);
  size_t count = 0, i;
  int constants = 0;
  chainrule_node nodes[2];
  REQUIRE_OK(chainrule_model_add(model, "parameter", "shape=2 value=3,4 name=p", &nodes[0]));
  REQUIRE_OK(chainrule_model_add(model, "constant", "shape=2 value=0.5 name=half", &nodes[1]));
  REQUIRE_OK(chainrule_model_add_node(model, "mul", "", nodes, 2, NULL));
  REQUIRE_OK(chainrule_model_get_parameter(model, "p", &array));
  CHECK(value[0] == 3 && value[1] == 4);
  REQUIRE_OK(chainrule_model_get_parameter(model, "half", &array));
  CHECK(value[0] == 0.5f && value[1] == 0.5f);
  value[0] = 7;
  REQUIRE_OK(chainrule_model_set_parameter(model, "half", &array));
  REQUIRE_OK(chainrule_model_parameter_count(model, &count));
  for (i = 0; i < count; i++) {
    REQUIRE_OK(chainrule_model_parameter_info(model, i, &info));
    if (strcmp(info.name, "half") == 0) {
      constants++;
      CHECK_EQUAL(info.trainable, 0);
    }
    if (strcmp(info.name, "p") == 0) CHECK_EQUAL(info.trainable, 1);
  }
  CHECK(constants <= 1);
  chainrule_model_free(model);
}

static void counts_refuse(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 0, 4, 8, 2, "relu");
  size_t count;
  test_poison(&count, sizeof count);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_input_count(NULL, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_output_count(NULL, &count));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_parameter_count(NULL, &count));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "count", chainrule_model_input_count(model, NULL));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "count", chainrule_model_output_count(model, NULL));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "count", chainrule_model_parameter_count(model, NULL));
  CHECK_UNTOUCHED(count);
  SUCCEEDS(chainrule_model_input_count(model, &count));
  CHECK_EQUAL(count, 1);
  SUCCEEDS(chainrule_model_output_count(model, &count));
  CHECK_EQUAL(count, 1);
  chainrule_model_free(model);
}

static void infos_refuse(void) {
  static const size_t sizes[] = {0, 8, sizeof(chainrule_tensor_info) - 4, SIZE_MAX};
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 0, 4, 8, 2, "relu");
  chainrule_tensor_info info, before;
  size_t i;
  test_poison(&info, sizeof info);
  info.struct_size = sizeof info;
  before = info;
#define REFUSES(function, past)                                                       \
  FAILS(CHAINRULE_INVALID_ARGUMENT, function(NULL, 0, &info));                        \
  FAILS(CHAINRULE_INVALID_ARGUMENT, function(model, 0, NULL));                        \
  FAILS(CHAINRULE_NOT_FOUND, function(model, past, &info));                           \
  FAILS(CHAINRULE_NOT_FOUND, function(model, SIZE_MAX, &info));                       \
  FAILS(CHAINRULE_NOT_FOUND, function(model, (size_t)INT64_MAX + 1, &info));          \
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {                                \
    info.struct_size = sizes[i];                                                      \
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "struct_size", function(model, 0, &info)); \
  }                                                                                   \
  info.struct_size = sizeof info;                                                     \
  CHECK(memcmp(&info, &before, sizeof info) == 0)
  REFUSES(chainrule_model_input_info, 1);
  REFUSES(chainrule_model_output_info, 1);
  REFUSES(chainrule_model_parameter_info, 4);
  SUCCEEDS(chainrule_model_parameter_info(model, 3, &info));
  chainrule_model_free(model);
}

static void get_and_set_refuse(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 0, 4, 8, 2, "relu");
  float values[64], poisoned[64], kept[32];
  chainrule_array good = chainrule_matrix(values, 8, 4), output = chainrule_matrix(poisoned, 8, 4);
  static const char *const unknown[] = {"", "0", "0.Weight", "0.weight ", "1.weight", "weight", "\xff"};
  uint64_t hash = test_parameter_hash(model);
  size_t i;
  test_fill(values, 64, 4);
  test_poison(poisoned, sizeof poisoned);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_get_parameter(NULL, "0.weight", &output));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_get_parameter(model, NULL, &output));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_get_parameter(model, "0.weight", NULL));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_set_parameter(NULL, "0.weight", &good));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_set_parameter(model, NULL, &good));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_set_parameter(model, "0.weight", NULL));
  for (i = 0; i < sizeof unknown / sizeof *unknown; i++) {
    unsigned statuses = BIT(CHAINRULE_NOT_FOUND) | (unknown[i][0] == '\xff' ? BIT(CHAINRULE_INVALID_ARGUMENT) : 0);
    FAILS_ONE_OF(statuses, chainrule_model_get_parameter(model, unknown[i], &output));
    FAILS_ONE_OF(statuses, chainrule_model_set_parameter(model, unknown[i], &good));
  }
  FAILS_FOR_BAD_ARRAYS(poisoned, 8, 4, chainrule_model_get_parameter(model, "0.weight", &bad));
  FAILS_FOR_BAD_ARRAYS(values, 8, 4, chainrule_model_set_parameter(model, "0.weight", &bad));
  output.strided = 1; /* an output whose elements share bytes */
  FAILS_ONE_OF(BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE),
               chainrule_model_get_parameter(model, "0.weight", (output.strides[0] = 0, output.strides[1] = 4, &output)));
  output.strided = 0;
  CHECK(test_is_poisoned(poisoned, sizeof poisoned));
  CHECK(test_parameter_hash(model) == hash);
  SUCCEEDS(chainrule_model_set_parameter(model, "0.weight", &good));
  good.data = kept;
  SUCCEEDS(chainrule_model_get_parameter(model, "0.weight", &good));
  CHECK(memcmp(kept, values, sizeof kept) == 0);
  chainrule_model_free(model);
}

/* Finite in float64, and too large for a float32 model. */
static void too_large_for_float32(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 0, 1, 2, 1, "relu");
  double wide[2] = {1e300, 0};
  chainrule_array array = chainrule_vector_float64(wide, 2);
  uint64_t hash = test_parameter_hash(model);
  FAILS(CHAINRULE_VALUE, chainrule_model_set_parameter(model, "0.bias", &array));
  CHECK(test_parameter_hash(model) == hash);
  chainrule_model_free(model);
}

static void strided_values(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 0, 3, 2, 1, "relu");
  double columns[6] = {1, 4, 2, 5, 3, 6}; /* [2, 3], columns first */
  float rows[6];
  chainrule_array in = chainrule_matrix_float64(columns, 2, 3), out = chainrule_matrix(rows, 2, 3);
  int i;
  in.strided = 1, in.strides[0] = 8, in.strides[1] = 16;
  REQUIRE_OK(chainrule_model_set_parameter(model, "0.weight", &in));
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.weight", &out));
  for (i = 0; i < 6; i++) CHECK_EQUAL(rows[i], i + 1);
  out.data = rows + 5, out.strided = 1, out.strides[0] = -12, out.strides[1] = -4;
  REQUIRE_OK(chainrule_model_get_parameter(model, "0.weight", &out));
  for (i = 0; i < 6; i++) CHECK_EQUAL(rows[i], 6 - i);
  chainrule_model_free(model);
}

static void seeds(void) {
  chainrule_model *one = test_mlp(CHAINRULE_FLOAT32, 7, 16, 32, 4, "relu");
  chainrule_model *same = test_mlp(CHAINRULE_FLOAT32, 7, 16, 32, 4, "relu");
  chainrule_model *other = test_mlp(CHAINRULE_FLOAT32, 8, 16, 32, 4, "relu");
  uint64_t first = test_parameter_hash(one);
  CHECK(first == test_parameter_hash(same));
  CHECK(first != test_parameter_hash(other));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_initialize(NULL, 3));
  SUCCEEDS(chainrule_model_initialize(other, 7));
  CHECK(first == test_parameter_hash(other));
  SUCCEEDS(chainrule_model_initialize(one, UINT64_MAX));
  CHECK(first != test_parameter_hash(one));
  chainrule_model_free(one);
  chainrule_model_free(same);
  chainrule_model_free(other);
}

int main(void) {
  TEST_MAIN("parameters");
  RUN(names_and_shapes);
  RUN(given_names_and_constants);
  RUN(counts_refuse);
  RUN(infos_refuse);
  RUN(get_and_set_refuse);
  RUN(too_large_for_float32);
  RUN(strided_values);
  RUN(seeds);
  return test_finish();
}
