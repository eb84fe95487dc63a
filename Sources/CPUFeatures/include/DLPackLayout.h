/* The memory layout of DLPack's DLManagedTensor (dlpack.h). */
#ifndef CHAINRULE_DLPACK_LAYOUT_H
#define CHAINRULE_DLPACK_LAYOUT_H

#include <stdint.h>

typedef struct cr_dl_tensor {
  void *data;
  int32_t device_type; /* 1: CPU memory */
  int32_t device_id;
  int32_t ndim;
  uint8_t type_code; /* 0 signed integer, 1 unsigned, 2 floating point */
  uint8_t type_bits;
  uint16_t type_lanes;
  int64_t *shape;
  int64_t *strides; /* elements; NULL: C order */
  uint64_t byte_offset;
} cr_dl_tensor;

typedef struct cr_dl_managed_tensor {
  cr_dl_tensor tensor;
  void *manager_context;
  void (*deleter)(struct cr_dl_managed_tensor *self);
} cr_dl_managed_tensor;

#endif
