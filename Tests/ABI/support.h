/*
 * What many C tests need: numbers that are the same everywhere, small networks, arrays of any shape.
 */
#ifndef CHAINRULE_TEST_SUPPORT_H
#define CHAINRULE_TEST_SUPPORT_H

#include "test.h"

/* A small generator of its own, so that test data does not depend on the library. */
static inline uint32_t test_random_bits(uint64_t *state) {
  *state = *state * 6364136223846793005ull + 1442695040888963407ull;
  return (uint32_t)(*state >> 33);
}

/* Uniform in [low, high), exactly representable in float32. */
static inline float test_random(uint64_t *state, float low, float high) {
  float unit = (float)(test_random_bits(state) & 0xffffffu) / 16777216.0f;
  return low + (high - low) * unit;
}

static inline void test_fill(float *values, size_t count, uint64_t seed) {
  uint64_t state = seed * 2 + 1;
  size_t i;
  for (i = 0; i < count; i++) values[i] = test_random(&state, -1.0f, 1.0f);
}

static inline void test_fill_float64(double *values, size_t count, uint64_t seed) {
  uint64_t state = seed * 2 + 1;
  size_t i;
  for (i = 0; i < count; i++) values[i] = test_random(&state, -1.0f, 1.0f);
}

static inline void test_fill_labels(int32_t *labels, size_t count, int32_t classes, uint64_t seed) {
  uint64_t state = seed * 2 + 1;
  size_t i;
  for (i = 0; i < count; i++) labels[i] = (int32_t)(test_random_bits(&state) % (uint32_t)classes);
}

/* A hash of bytes (FNV-1a), for comparing bits across processes. */
static inline uint64_t test_hash(uint64_t hash, const void *memory, size_t bytes) {
  const unsigned char *byte = (const unsigned char *)memory;
  size_t i;
  for (i = 0; i < bytes; i++) hash = (hash ^ byte[i]) * 1099511628211ull;
  return hash;
}
#define TEST_HASH_START 14695981039346656037ull

static inline chainrule_model *test_model(chainrule_dtype dtype, uint64_t seed) {
  chainrule_model_options options;
  chainrule_model *model = NULL;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.dtype = dtype;
  options.seed = seed;
  SUCCEEDS(chainrule_model_create(&options, &model));
  return model;
}

static inline void test_add(chainrule_model *model, const char *kind, const char *attributes) {
  if (chainrule_model_add(model, kind, attributes, NULL) != CHAINRULE_OK)
    test_fail(__FILE__, __LINE__, "adding %s \"%s\": %s", kind, attributes, chainrule_last_error()->message);
}

/* inputs -> linear hidden -> activation -> linear outputs. */
static inline chainrule_model *test_mlp(chainrule_dtype dtype, uint64_t seed, int inputs, int hidden, int outputs,
                                        const char *activation) {
  chainrule_model *model = test_model(dtype, seed);
  char text[64];
  snprintf(text, sizeof text, "shape=%d", inputs);
  test_add(model, "input", text);
  snprintf(text, sizeof text, "out_features=%d", hidden);
  test_add(model, "linear", text);
  test_add(model, activation, "");
  snprintf(text, sizeof text, "out_features=%d", outputs);
  test_add(model, "linear", text);
  return model;
}

/* A hash of all parameters' bytes, in order. */
static inline uint64_t test_parameter_hash(const chainrule_model *model) {
  uint64_t hash = TEST_HASH_START;
  size_t count = 0, index;
  if (!SUCCEEDS(chainrule_model_parameter_count(model, &count))) return 0;
  for (index = 0; index < count; index++) {
    chainrule_tensor_info info;
    chainrule_array array;
    size_t bytes = 1;
    int32_t axis;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    if (!SUCCEEDS(chainrule_model_parameter_info(model, index, &info))) return 0;
    array = chainrule_view(NULL, info.dtype, info.rank, 0, 0, 0, 0);
    for (axis = 0; axis < info.rank; axis++) {
      array.shape[axis] = info.shape[axis];
      bytes *= (size_t)info.shape[axis];
    }
    bytes *= info.dtype == CHAINRULE_FLOAT64 ? sizeof(double) : sizeof(float);
    array.data = calloc(bytes + 1, 1);
    if (SUCCEEDS(chainrule_model_get_parameter(model, info.name, &array))) {
      hash = test_hash(hash, info.name, strlen(info.name));
      hash = test_hash(hash, array.data, bytes);
    }
    free(array.data);
  }
  return hash;
}

static inline chainrule_fit_options test_fit_options(int64_t epochs, int64_t batch_size) {
  chainrule_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = epochs;
  options.batch_size = batch_size;
  return options;
}

/* What a trainer plans for a batch of so many rows. */
static inline chainrule_memory test_memory(chainrule_trainer *trainer, int64_t rows) {
  chainrule_memory memory;
  memset(&memory, 0, sizeof memory);
  memory.struct_size = sizeof memory;
  SUCCEEDS(chainrule_trainer_memory(trainer, rows, &memory));
  return memory;
}

/* The arrays that no function may accept as real data of shape [rows, columns], with what they get. */
typedef struct test_bad_array {
  const char *what;
  chainrule_array array;
  unsigned statuses;
} test_bad_array;

/* Fills list with every way in which a view of rows x columns can be wrong; returns how many. data
   must have room for rows * columns doubles. `writing`: the array is an output. */
#define TEST_BAD_ARRAYS 18
static inline size_t test_bad_arrays(test_bad_array *list, void *data, int64_t rows, int64_t columns, int writing) {
  chainrule_array good = chainrule_view(data, CHAINRULE_FLOAT32, 2, rows, columns, 0, 0);
  unsigned shape = BIT(CHAINRULE_SHAPE), dtype = BIT(CHAINRULE_DTYPE), argument = BIT(CHAINRULE_INVALID_ARGUMENT);
  size_t count = 0;
#define BAD(text, status)       \
  list[count].what = text;      \
  list[count].array = good;     \
  list[count].statuses = status
  BAD("data NULL", argument), list[count++].array.data = NULL;
  BAD("dtype 0", dtype | argument), list[count++].array.dtype = (chainrule_dtype)0;
  BAD("dtype 99", dtype | argument), list[count++].array.dtype = (chainrule_dtype)99;
  BAD("dtype -1", dtype | argument), list[count++].array.dtype = (chainrule_dtype)-1;
  BAD("dtype int32", dtype), list[count++].array.dtype = CHAINRULE_INT32;
  BAD("rank -1", shape | argument), list[count++].array.rank = -1;
  BAD("rank 9", shape | argument), list[count++].array.rank = 9;
  BAD("rank INT32_MAX", shape | argument), list[count++].array.rank = INT32_MAX;
  BAD("rank 0", shape), list[count++].array.rank = 0;
  BAD("rank 1", shape), list[count++].array.rank = 1;
  BAD("rank 3", shape), list[count].array.rank = 3, list[count++].array.shape[2] = 1;
  BAD("a column too many", shape), list[count++].array.shape[1] = columns + 1;
  BAD("no columns", shape), list[count++].array.shape[1] = 0;
  BAD("negative columns", shape | argument), list[count++].array.shape[1] = -1;
  BAD("negative rows", shape | argument), list[count++].array.shape[0] = -rows;
  BAD("INT64_MIN rows", shape | argument), list[count++].array.shape[0] = INT64_MIN;
  BAD("sizes that overflow", shape | argument), list[count].array.shape[0] = INT64_MAX / 2,
      list[count++].array.shape[1] = columns;
  BAD("strides that overflow", shape | argument), list[count].array.strided = 1,
      list[count].array.strides[0] = INT64_MAX, list[count++].array.strides[1] = INT64_MIN;
#undef BAD
  (void)writing;
  return count;
}

/* The same for a vector of `rows` numbers, such as sample weights; data has room for one double more. */
static inline size_t test_bad_vectors(test_bad_array *list, void *data, int64_t rows) {
  chainrule_array good = chainrule_view(data, CHAINRULE_FLOAT32, 1, rows, 0, 0, 0);
  unsigned shape = BIT(CHAINRULE_SHAPE), dtype = BIT(CHAINRULE_DTYPE), argument = BIT(CHAINRULE_INVALID_ARGUMENT);
  size_t count = 0;
#define BAD(text, status)       \
  list[count].what = text;      \
  list[count].array = good;     \
  list[count].statuses = status
  BAD("data NULL", argument), list[count++].array.data = NULL;
  BAD("dtype 0", dtype | argument), list[count++].array.dtype = (chainrule_dtype)0;
  BAD("dtype 99", dtype | argument), list[count++].array.dtype = (chainrule_dtype)99;
  BAD("dtype -1", dtype | argument), list[count++].array.dtype = (chainrule_dtype)-1;
  BAD("dtype int64", dtype), list[count++].array.dtype = CHAINRULE_INT64;
  BAD("rank -1", shape | argument), list[count++].array.rank = -1;
  BAD("rank 9", shape | argument), list[count++].array.rank = 9;
  BAD("rank INT32_MIN", shape | argument), list[count++].array.rank = INT32_MIN;
  BAD("rank 0", shape), list[count++].array.rank = 0;
  BAD("rank 2", shape), list[count].array.rank = 2, list[count++].array.shape[1] = 1;
  BAD("one too many", shape), list[count++].array.shape[0] = rows + 1;
  BAD("one too few", shape), list[count++].array.shape[0] = rows - 1;
  BAD("none", shape), list[count++].array.shape[0] = 0;
  BAD("negative size", shape | argument), list[count++].array.shape[0] = -rows;
  BAD("INT64_MIN", shape | argument), list[count++].array.shape[0] = INT64_MIN;
  BAD("a size that overflows", shape | argument), list[count++].array.shape[0] = INT64_MAX;
  BAD("a stride that overflows", shape | argument), list[count].array.strided = 1,
      list[count++].array.strides[0] = INT64_MAX;
#undef BAD
  return count;
}

/* Calls `call`, which uses the variable `bad` for the array, with every bad array; output must stay poisoned. */
#define FAILS_FOR_BAD_ARRAYS(data, rows, columns, call) \
  FAILS_FOR_ALL(test_bad_arrays(test_list, (data), (rows), (columns), 0), call)
#define FAILS_FOR_BAD_VECTORS(data, rows, call) FAILS_FOR_ALL(test_bad_vectors(test_list, (data), (rows)), call)
#define FAILS_FOR_ALL(list_them, call)                                                                        \
  do {                                                                                                        \
    test_bad_array test_list[TEST_BAD_ARRAYS];                                                                \
    size_t test_count = list_them, test_index;                                                                \
    for (test_index = 0; test_index < test_count; test_index++) {                                             \
      chainrule_array bad = test_list[test_index].array;                                                      \
      int test_before = test_case_failures;                                                                   \
      FAILS_ONE_OF(test_list[test_index].statuses, call);                                                     \
      if (test_case_failures != test_before) printf("#   where bad is: %s\n", test_list[test_index].what);    \
    }                                                                                                         \
  } while (0)

#endif
