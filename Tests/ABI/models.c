/* Models: creating them, what is refused and how, empty and huge ones, summaries. */
#include "support.h"

static void create(void) {
  chainrule_model *model, *unset;
  chainrule_model_options options;
  static const size_t sizes[] = {0, 1, 4, sizeof(chainrule_model_options) - 8, SIZE_MAX, SIZE_MAX / 2 + 1};
  static const int dtypes[] = {CHAINRULE_INT32, CHAINRULE_INT64, 5, 99, -1, INT32_MAX};
  size_t i;
  test_poison(&model, sizeof model);
  unset = model;
  memset(&options, 0, sizeof options);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_create(NULL, NULL));
  for (i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    options.struct_size = sizes[i];
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "struct_size", chainrule_model_create(&options, &model));
  }
  options.struct_size = sizeof options;
  for (i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
    options.dtype = (chainrule_dtype)dtypes[i];
    FAILS_SAYING(CHAINRULE_DTYPE, "dtype", chainrule_model_create(&options, &model));
  }
  CHECK(model == unset);
  options.dtype = (chainrule_dtype)0;
  REQUIRE_OK(chainrule_model_create(&options, &model));
  chainrule_model_free(model);
  REQUIRE_OK(chainrule_model_create(NULL, &model));
  chainrule_model_free(model);
}

/* A program compiled against a later header: its struct is longer. That is fine as long as it leaves what
   this library does not know at zero. */
static void longer_options(void) {
  struct {
    chainrule_model_options options;
    uint64_t later;
  } newer;
  chainrule_model *model, *unset;
  test_poison(&model, sizeof model);
  unset = model;
  memset(&newer, 0, sizeof newer);
  newer.options.struct_size = sizeof newer;
  newer.later = 1;
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "struct_size", chainrule_model_create(&newer.options, &model));
  CHECK(model == unset);
  newer.later = 0;
  REQUIRE_OK(chainrule_model_create(&newer.options, &model));
  chainrule_model_free(model);
}

static void add_null(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node node, inputs[1] = {0};
  test_poison(&node, sizeof node);
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "model", chainrule_model_add(NULL, "input", "shape=3", &node));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "kind", chainrule_model_add(model, NULL, "shape=3", &node));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "attributes", chainrule_model_add(model, "input", NULL, &node));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "model",
               chainrule_model_add_node(NULL, "relu", "", inputs, 1, &node));
  CHECK_UNTOUCHED(node);
  SUCCEEDS(chainrule_model_add(model, "input", "shape=3", &node));
  CHECK_EQUAL(node, 0);
  test_poison(&node, sizeof node);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_add_node(model, NULL, "", inputs, 1, &node));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_add_node(model, "relu", NULL, inputs, 1, &node));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_add_node(model, "relu", "", NULL, 1, &node));
  CHECK_UNTOUCHED(node);
  SUCCEEDS(chainrule_model_add(model, "relu", "", NULL));
  SUCCEEDS(chainrule_model_add_node(model, "relu", "", inputs, 1, &node));
  CHECK_EQUAL(node, 2);
  chainrule_model_free(model);
}

static void first_node_needs_an_input(void) {
  static const char *const kinds[] = {"linear", "relu", "flatten", "softmax", "sum", "neg"};
  size_t i;
  for (i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    const char *attributes = i == 0 ? "out_features=2" : "";
    FAILS_ONE_OF(BIT(CHAINRULE_STATE) | BIT(CHAINRULE_INVALID_ARGUMENT),
                 chainrule_model_add(model, kinds[i], attributes, NULL));
    SUCCEEDS(chainrule_model_add(model, "input", "shape=2", NULL));
    SUCCEEDS(chainrule_model_add(model, kinds[i], attributes, NULL));
    chainrule_model_free(model);
  }
}

static void huge_models_do_not_fit(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  float x[4] = {0}, y[2];
  chainrule_array input = chainrule_matrix(x, 1, 4), output = chainrule_matrix(y, 1, 2);
  FILE *file = fopen("/proc/sys/vm/overcommit_memory", "r");
  int mode = file ? fgetc(file) : '1';
  if (file) fclose(file);
  if (mode == '1') {
    test_skip("this machine promises any amount of memory");
    chainrule_model_free(model);
    return;
  }
  /* 16 terabytes: no overflow, and no memory; noticed when adding the layer or when first running it. */
  test_add(model, "input", "shape=4");
  if (chainrule_model_add(model, "linear", "out_features=1000000000000", NULL) == CHAINRULE_OK) {
    test_add(model, "linear", "out_features=2");
    FAILS(CHAINRULE_OUT_OF_MEMORY, chainrule_model_predict(model, &input, &output));
    FAILS(CHAINRULE_OUT_OF_MEMORY, chainrule_model_initialize(model, 1));
  } else {
    CHECK_EQUAL(chainrule_last_error()->status, CHAINRULE_OUT_OF_MEMORY);
    test_add(model, "linear", "out_features=2");
    SUCCEEDS(chainrule_model_predict(model, &input, &output));
  }
  chainrule_model_free(model);
}

static void empty_model(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_trainer *trainer;
  chainrule_context *context;
  float y[2];
  size_t count = 99;
  chainrule_array output = chainrule_matrix(y, 1, 2);
  test_poison(&trainer, sizeof trainer);
  test_poison(&context, sizeof context);
  SUCCEEDS(chainrule_model_input_count(model, &count));
  CHECK_EQUAL(count, 0);
  SUCCEEDS(chainrule_model_output_count(model, &count));
  CHECK_EQUAL(count, 0);
  SUCCEEDS(chainrule_model_parameter_count(model, &count));
  CHECK_EQUAL(count, 0);
  FAILS(CHAINRULE_STATE, chainrule_model_predict(model, NULL, &output));
  FAILS(CHAINRULE_STATE, chainrule_trainer_create(model, "mse", "sgd", &trainer));
  FAILS(CHAINRULE_STATE, chainrule_context_create(model, &context));
  CHECK_UNTOUCHED(trainer);
  CHECK_UNTOUCHED(context);
  test_add(model, "input", "shape=2");
  test_add(model, "linear", "out_features=2");
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd", &trainer));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

static void summary(void) {
  chainrule_model *model = test_mlp(CHAINRULE_FLOAT32, 0, 64, 32, 10, "relu");
  char text[4000], small[10];
  size_t length, again;
  test_poison(text, sizeof text);
  test_poison(&length, sizeof length);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_summary(NULL, text, sizeof text, &length));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_model_summary(model, NULL, 10, &length));
  CHECK(test_is_poisoned(text, sizeof text));
  CHECK_UNTOUCHED(length);
  REQUIRE_OK(chainrule_model_summary(model, text, sizeof text, &length));
  CHECK_EQUAL(strlen(text), length);
  CHECK(strstr(text, "linear") != NULL && strstr(text, "relu") != NULL);
  CHECK(strstr(text, "2410") != NULL || strstr(text, "2,410") != NULL); /* 64*32+32 + 32*10+10 */
  SUCCEEDS(chainrule_model_summary(model, NULL, 0, &again));
  CHECK_EQUAL(again, length);
  test_poison(small, sizeof small);
  SUCCEEDS(chainrule_model_summary(model, small, 6, &again));
  CHECK(strlen(small) == 5 && strncmp(small, text, 5) == 0 && test_is_poisoned(small + 6, 4));
  SUCCEEDS(chainrule_model_summary(model, text, sizeof text, NULL));
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("models");
  RUN(create);
  RUN(longer_options);
  RUN(add_null);
  RUN(first_node_needs_an_input);
  RUN(huge_models_do_not_fit);
  RUN(empty_model);
  RUN(summary);
  return test_finish();
}
