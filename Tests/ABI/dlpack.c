/* DLPack both ways: views of what comes in, tensors over what goes out. */
#include "support.h"

/* As in dlpack.h (version 0), which the library only names. */
typedef struct {
  int32_t device_type, device_id;
} DLDevice;
typedef struct {
  uint8_t code, bits;
  uint16_t lanes;
} DLDataType;
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides;
  uint64_t byte_offset;
} DLTensor;
struct DLManagedTensor {
  DLTensor dl_tensor;
  void *manager_ctx;
  void (*deleter)(struct DLManagedTensor *self);
};

static void from_dlpack(void) {
  float values[12];
  int64_t shape[2] = {3, 4}, strides[2] = {1, 3};
  struct DLManagedTensor tensor;
  chainrule_array array, unset;
  memset(&tensor, 0, sizeof tensor);
  test_poison(&array, sizeof array);
  unset = array;
  tensor.dl_tensor.data = values;
  tensor.dl_tensor.device.device_type = 1; /* kDLCPU */
  tensor.dl_tensor.ndim = 2;
  tensor.dl_tensor.dtype.code = 2; /* kDLFloat */
  tensor.dl_tensor.dtype.bits = 32;
  tensor.dl_tensor.dtype.lanes = 1;
  tensor.dl_tensor.shape = shape;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_array_from_dlpack(NULL, &array));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_array_from_dlpack(&tensor, NULL));
#define WRONG(field, value, statuses)                                     \
  do {                                                                    \
    struct DLManagedTensor saved = tensor;                                \
    tensor.dl_tensor.field = value;                                       \
    FAILS_ONE_OF(statuses, chainrule_array_from_dlpack(&tensor, &array)); \
    tensor = saved;                                                       \
  } while (0)
  WRONG(device.device_type, 2, BIT(CHAINRULE_INVALID_ARGUMENT));
  WRONG(dtype.bits, 16, BIT(CHAINRULE_DTYPE));
  WRONG(dtype.code, 5, BIT(CHAINRULE_DTYPE));
  WRONG(dtype.code, 1, BIT(CHAINRULE_DTYPE)); /* uint32 */
  WRONG(dtype.lanes, 4, BIT(CHAINRULE_DTYPE));
  WRONG(ndim, 9, BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_INVALID_ARGUMENT));
  WRONG(ndim, -1, BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_INVALID_ARGUMENT));
  WRONG(shape, NULL, BIT(CHAINRULE_INVALID_ARGUMENT));
  WRONG(data, NULL, BIT(CHAINRULE_INVALID_ARGUMENT));
  shape[1] = -4;
  FAILS_ONE_OF(BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_INVALID_ARGUMENT), chainrule_array_from_dlpack(&tensor, &array));
  shape[0] = INT64_MAX / 2, shape[1] = 4;
  FAILS_ONE_OF(BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_INVALID_ARGUMENT), chainrule_array_from_dlpack(&tensor, &array));
  shape[0] = 3, shape[1] = 4;
  strides[0] = INT64_MAX / 2;
  WRONG(strides, strides, BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_INVALID_ARGUMENT)); /* overflows in bytes */
  strides[0] = 1;
  CHECK(memcmp(&array, &unset, sizeof array) == 0);
  REQUIRE_OK(chainrule_array_from_dlpack(&tensor, &array));
  CHECK(array.data == values && array.dtype == CHAINRULE_FLOAT32 && array.rank == 2);
  CHECK(array.shape[0] == 3 && array.shape[1] == 4);
  CHECK(!array.strided || (array.strides[0] == 16 && array.strides[1] == 4));
  tensor.dl_tensor.strides = strides; /* elements there, bytes here */
  tensor.dl_tensor.byte_offset = 0;
  REQUIRE_OK(chainrule_array_from_dlpack(&tensor, &array));
  CHECK(array.strided && array.strides[0] == 4 && array.strides[1] == 12);
  tensor.dl_tensor.strides = NULL;
  tensor.dl_tensor.byte_offset = 8;
  REQUIRE_OK(chainrule_array_from_dlpack(&tensor, &array));
  CHECK(array.data == values + 2);
}

static void to_dlpack(void) {
  double values[12];
  chainrule_array array = chainrule_matrix_float64(values, 3, 4), back;
  struct DLManagedTensor *tensor, *unset;
  test_poison(&tensor, sizeof tensor);
  unset = tensor;
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_array_to_dlpack(NULL, &tensor));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_array_to_dlpack(&array, NULL));
  array.rank = 9;
  FAILS_ONE_OF(BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_INVALID_ARGUMENT), chainrule_array_to_dlpack(&array, &tensor));
  array.rank = 2, array.dtype = (chainrule_dtype)9;
  FAILS_ONE_OF(BIT(CHAINRULE_DTYPE) | BIT(CHAINRULE_INVALID_ARGUMENT), chainrule_array_to_dlpack(&array, &tensor));
  array.dtype = CHAINRULE_FLOAT64, array.strided = 1, array.strides[0] = 32, array.strides[1] = 6;
  /* DLPack counts strides in elements: 6 bytes are no whole number of doubles. */
  FAILS_ONE_OF(BIT(CHAINRULE_SHAPE) | BIT(CHAINRULE_INVALID_ARGUMENT), chainrule_array_to_dlpack(&array, &tensor));
  CHECK(tensor == unset);
  array.strides[0] = 8, array.strides[1] = 24;
  REQUIRE_OK(chainrule_array_to_dlpack(&array, &tensor));
  CHECK((char *)tensor->dl_tensor.data + tensor->dl_tensor.byte_offset == (char *)values);
  CHECK(tensor->dl_tensor.device.device_type == 1 && tensor->dl_tensor.ndim == 2);
  CHECK(tensor->dl_tensor.dtype.code == 2 && tensor->dl_tensor.dtype.bits == 64 && tensor->dl_tensor.dtype.lanes == 1);
  CHECK(tensor->dl_tensor.shape[0] == 3 && tensor->dl_tensor.shape[1] == 4);
  REQUIRE(tensor->dl_tensor.strides != NULL);
  CHECK(tensor->dl_tensor.strides[0] == 1 && tensor->dl_tensor.strides[1] == 3);
  REQUIRE_OK(chainrule_array_from_dlpack(tensor, &back));
  CHECK(back.data == values && back.strided && back.strides[0] == 8 && back.strides[1] == 24);
  REQUIRE(tensor->deleter != NULL);
  tensor->deleter(tensor);
  /* Labels travel too. */
  array = chainrule_view(values, CHAINRULE_INT64, 1, 3, 0, 0, 0);
  REQUIRE_OK(chainrule_array_to_dlpack(&array, &tensor));
  CHECK(tensor->dl_tensor.dtype.code == 0 && tensor->dl_tensor.dtype.bits == 64);
  tensor->deleter(tensor);
}

int main(void) {
  TEST_MAIN("dlpack");
  RUN(from_dlpack);
  RUN(to_dlpack);
  return test_finish();
}
