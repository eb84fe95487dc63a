/* What the tests of registered kinds share: reading and writing arrays of either type, and every registration that
   must be refused whatever the group. */
#ifndef CHAINRULE_TEST_CUSTOM_H
#define CHAINRULE_TEST_CUSTOM_H

#include "files.h"

/* The number behind the first "name=" of a text. */
static inline double number_of(const char *attributes, const char *name) {
  const char *place = strstr(attributes, name);
  return place ? strtod(place + strlen(name) + 1, NULL) : NAN;
}

static inline int64_t count_of(const chainrule_array *array) {
  int64_t count = 1;
  int i;
  for (i = 0; i < array->rank; i++) count *= array->shape[i];
  return count;
}

static inline double get(const chainrule_array *array, int64_t i) {
  if (array->dtype == CHAINRULE_INT32) return ((int32_t *)array->data)[i];
  return array->dtype == CHAINRULE_FLOAT64 ? ((double *)array->data)[i] : (double)((float *)array->data)[i];
}
static inline void put(const chainrule_array *array, int64_t i, double value) {
  if (array->dtype == CHAINRULE_FLOAT64) ((double *)array->data)[i] = value;
  else ((float *)array->data)[i] = (float)value;
}

/* A view of n rows of doubles or, of the same numbers, floats. */
static inline chainrule_array test_rows(chainrule_dtype dtype, double *wide, float *narrow, int64_t rows, int64_t columns) {
  int64_t i;
  for (i = 0; i < rows * columns; i++) narrow[i] = (float)wide[i];
  return dtype == CHAINRULE_FLOAT64 ? chainrule_matrix_float64(wide, rows, columns) : chainrule_matrix(narrow, rows, columns);
}

static inline double test_parameter_distance(chainrule_model *a, chainrule_model *b, const char *name, int64_t count) {
  double left[256], right[256], worst = 0;
  chainrule_tensor_info info;
  chainrule_array array;
  size_t index, number = 0;
  int64_t i;
  SUCCEEDS(chainrule_model_parameter_count(a, &number));
  for (index = 0; index < number; index++) {
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    SUCCEEDS(chainrule_model_parameter_info(a, index, &info));
    if (strcmp(info.name, name) != 0) continue;
    array = chainrule_view(left, CHAINRULE_FLOAT64, info.rank, info.shape[0], info.shape[1], 0, 0);
    CHECK_EQUAL(count_of(&array), count);
    SUCCEEDS(chainrule_model_get_parameter(a, name, &array));
    array.data = right;
    SUCCEEDS(chainrule_model_get_parameter(b, name, &array));
    for (i = 0; i < count; i++) worst = fmax(worst, fabs(left[i] - right[i]));
    return worst;
  }
  test_fail(__FILE__, __LINE__, "no parameter %s", name);
  return NAN;
}

/* Expects all registrations to fail that are wrong for any group. definition: a variable that make() fills;
   taken: a kind of the library's; reserved: "name=value" of an attribute that all kinds of the group have. */
#define REFUSES_REGISTRATIONS(call, definition, make, taken, reserved)             \
  do {                                                                             \
    static const char *const wrong[] = {"", "Bad", "a b", "a-b", "a.b", "\xc3\xa4", \
      "a234567890123456789012345678901234567890123456789012345678901234567890"};   \
    size_t test_wrong;                                                             \
    definition = make();                                                           \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call(NULL, &definition));                    \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call("test_other", NULL));                   \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call(taken, &definition));                   \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call("\xff", &definition));                  \
    for (test_wrong = 0; test_wrong < sizeof wrong / sizeof *wrong; test_wrong++)  \
      FAILS(CHAINRULE_INVALID_ARGUMENT, call(wrong[test_wrong], &definition));     \
    definition.struct_size = 0;                                                    \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call("test_other", &definition));            \
    definition.struct_size = sizeof definition - 1;                                \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call("test_other", &definition));            \
    definition.struct_size = SIZE_MAX;                                             \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call("test_other", &definition));            \
    definition = make();                                                           \
    definition.attributes = "factor";                                              \
    FAILS(CHAINRULE_ATTRIBUTE, call("test_other", &definition));                   \
    definition.attributes = "=1";                                                  \
    FAILS(CHAINRULE_ATTRIBUTE, call("test_other", &definition));                   \
    definition.attributes = "a=1 a=2";                                             \
    FAILS(CHAINRULE_ATTRIBUTE, call("test_other", &definition));                   \
    definition.attributes = reserved;                                              \
    FAILS(CHAINRULE_ATTRIBUTE, call("test_other", &definition));                   \
    definition.attributes = "\xff=1";                                              \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call("test_other", &definition));            \
    definition = make();                                                           \
    definition.documentation = "\xff";                                             \
    FAILS(CHAINRULE_INVALID_ARGUMENT, call("test_other", &definition));            \
    definition = make();                                                           \
  } while (0)

/* The catalog has the kind, behind the library's own, with this attribute. */
static inline void test_in_catalog(chainrule_group group, const char *kind, const char *attribute, const char *standard) {
  chainrule_entry_info entry;
  chainrule_attribute_info info;
  const char *name;
  char text[4000];
  size_t index, found = 0;
  for (index = 0; (name = chainrule_catalog_kind(group, index)) != NULL; index++) found += strcmp(name, kind) == 0;
  CHECK_EQUAL(found, 1);
  memset(&entry, 0, sizeof entry);
  entry.struct_size = sizeof entry;
  REQUIRE_OK(chainrule_catalog_entry(group, chainrule_catalog_kind(group, 0), &entry));
  CHECK_EQUAL(entry.registered, 0);
  REQUIRE_OK(chainrule_catalog_entry(group, kind, &entry));
  CHECK_EQUAL(entry.registered, 1);
  CHECK(strcmp(entry.class_name, "") == 0);
  CHECK(strstr(entry.documentation, "a test's own") == entry.documentation);
  REQUIRE_OK(chainrule_catalog_describe(group, kind, text, sizeof text, NULL));
  CHECK(strstr(text, kind) == text);
  for (index = found = 0; index < entry.attribute_count; index++) {
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    REQUIRE_OK(chainrule_catalog_attribute(group, kind, index, &info));
    if (strcmp(info.name, attribute) != 0) continue;
    found = 1;
    CHECK(info.default_text != NULL && strcmp(info.default_text, standard) == 0);
  }
  CHECK_EQUAL(found, 1);
}

#endif
