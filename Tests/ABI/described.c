/*
 * What the catalog says about attributes holds: for every kind of every group, values of the wrong type, values
 * outside the limits, attributes given twice and unknown ones are refused with their name. And any text at all,
 * made of a kind's own attributes, gets an answer; models that come to be compute.
 */
#include "support.h"

static const chainrule_group groups[] = {CHAINRULE_LAYERS, CHAINRULE_LOSSES, CHAINRULE_OPTIMIZERS, CHAINRULE_METRICS, CHAINRULE_SCHEDULES};
static chainrule_model *holder;
static chainrule_trainer *trainer;

/* Makes one of a kind from attributes: a node after an input of 8 numbers, a loss, an optimizer, ... */
static chainrule_status make(chainrule_group group, const char *kind, const char *attributes) {
  char text[600];
  chainrule_status status;
  snprintf(text, sizeof text, "%s %s", kind, attributes);
  if (group == CHAINRULE_LAYERS) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    test_add(model, "input", "shape=8");
    status = chainrule_model_add(model, kind, attributes, NULL);
    chainrule_model_free(model);
  } else if (group == CHAINRULE_LOSSES) {
    chainrule_loss *loss = NULL;
    status = chainrule_loss_create(text, &loss);
    chainrule_loss_free(loss);
  } else if (group == CHAINRULE_OPTIMIZERS) {
    chainrule_optimizer *optimizer = NULL;
    status = chainrule_optimizer_create(text, &optimizer);
    chainrule_optimizer_free(optimizer);
  } else if (group == CHAINRULE_METRICS) {
    status = chainrule_trainer_set_metrics(trainer, text);
  } else {
    status = chainrule_trainer_set_schedule(trainer, text);
  }
  return status;
}

static chainrule_attribute_info attribute_of(chainrule_group group, const char *kind, size_t index) {
  chainrule_attribute_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  SUCCEEDS(chainrule_catalog_attribute(group, kind, index, &info));
  return info;
}

static size_t attribute_count(chainrule_group group, const char *kind) {
  chainrule_entry_info info;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  SUCCEEDS(chainrule_catalog_entry(group, kind, &info));
  return info.attribute_count;
}

static int refused; /* texts, so that a catalog without limits would be noticed */

/* "name=value" must be refused, and the message must say which attribute. */
static void refuse(chainrule_group group, const char *kind, const char *name, const char *value) {
  char text[200];
  int before = test_case_failures;
  snprintf(text, sizeof text, "%s=%s", name, value);
  test_mark();
  test_fails(BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_INVALID_ARGUMENT), name, make(group, kind, text), "chainrule_", __FILE__, __LINE__);
  if (test_case_failures != before) printf("#   text: \"%s %s\"\n", kind, text);
  refused++;
}

static void refuse_beyond(chainrule_group group, const char *kind, const chainrule_attribute_info *info) {
  char value[60];
  double below = info->minimum > 0 && info->minimum < 1e-300 ? 0 : info->minimum - fmax(1, fabs(info->minimum) * 1e-3);
  double above = info->maximum + fmax(1, fabs(info->maximum) * 1e-3);
  const char *format = strcmp(info->type, "integer") == 0 ? "%.0f" : "%.17g";
  if (isfinite(info->minimum) && isfinite(below)) snprintf(value, sizeof value, format, below), refuse(group, kind, info->name, value);
  if (isfinite(info->maximum) && isfinite(above)) snprintf(value, sizeof value, format, above), refuse(group, kind, info->name, value);
}

static void wrong_values(void) {
  static const char *const integers[] = {"abc", "1.5", "", "1,2", "nan", "0x10", "99999999999999999999"};
  static const char *const reals[] = {"abc", "nan", "inf", "-inf", "", "1,2", "1e400", "0.1.2"};
  static const char *const booleans[] = {"maybe", "2", "1.5", "", "yes,no"};
  static const char *const lists[] = {"a", "1,,2", "1,", ",", "1,x"};
  static const char *const words[] = {"no-such-word", "", "7", ","};
  size_t g, k, a, i;
  const char *kind;
  for (g = 0; g < sizeof groups / sizeof *groups; g++)
    for (k = 0; (kind = chainrule_catalog_kind(groups[g], k)) != NULL; k++) {
      size_t count = attribute_count(groups[g], kind);
      refuse(groups[g], kind, "no_such_attribute", "1");
      for (a = 0; a < count; a++) {
        chainrule_attribute_info info = attribute_of(groups[g], kind, a);
#define REFUSE_ALL(list) for (i = 0; i < sizeof list / sizeof *list; i++) refuse(groups[g], kind, info.name, list[i])
        if (strcmp(info.type, "integer") == 0) REFUSE_ALL(integers);
        if (strcmp(info.type, "number") == 0) REFUSE_ALL(reals);
        if (strcmp(info.type, "boolean") == 0) REFUSE_ALL(booleans);
        if (strcmp(info.type, "integers") == 0 || strcmp(info.type, "numbers") == 0) REFUSE_ALL(lists);
        if (strcmp(info.type, "word") == 0) REFUSE_ALL(words);
        refuse_beyond(groups[g], kind, &info);
        if (info.default_text != NULL && info.default_text[0]) {
          char twice[200];
          snprintf(twice, sizeof twice, "%s %s=%s", info.default_text, info.name, info.default_text);
          refuse(groups[g], kind, info.name, twice);
        }
      }
    }
  printf("# %d texts refused\n", refused);
  CHECK(refused > 3000);
}

/* ---- any text at all ---- */

static uint64_t state = 42;

static const char *one_of(const char *const *list, size_t count) { return list[test_random_bits(&state) % count]; }

/* A value for an attribute: its default, one of its words, a number that is hard, or letters. */
static void random_value(const chainrule_attribute_info *info, char *value, size_t capacity) {
  static const char *const hard[] = {"-1", "0", "1", "2", "3", "4", "8", "0.5", "1e-320", "1e308", "-1e308", "9223372036854775807",
                                     "-9223372036854775808", "4611686018427387904", "1099511627776", "65536", "true", "false", "none",
                                     "1,2", "2,2,2", "0,0", "-1,8", "4,-1", "8,1", "1,1,1,1,1,1,1,1", "same", "valid", "mean", "sum"};
  static const char letters[] = "abefioprstuw_=,. ()-+0123456789e\t\n\xff\xc3\"'\\{}[]%;";
  unsigned choice = test_random_bits(&state) % 10;
  if (choice < 2 && info->default_text != NULL) {
    snprintf(value, capacity, "%s", info->default_text);
  } else if (choice < 5 && info->words[0]) {
    size_t skipped = test_random_bits(&state) % 6;
    const char *word = info->words;
    while (skipped-- > 0 && strchr(word, '|') != NULL) word = strchr(word, '|') + 1;
    snprintf(value, capacity, "%.*s", (int)strcspn(word, "|"), word);
  } else if (choice < 9) {
    snprintf(value, capacity, "%s", one_of(hard, sizeof hard / sizeof *hard));
  } else {
    size_t length = test_random_bits(&state) % (capacity - 1), i;
    for (i = 0; i < length; i++) value[i] = letters[test_random_bits(&state) % (sizeof letters - 1)];
    value[length] = 0;
  }
}

/* Attributes of the kind, the required ones more often. */
static void random_text(chainrule_group group, const char *kind, char *text, size_t capacity) {
  size_t count = attribute_count(group, kind), a;
  text[0] = 0;
  for (a = 0; a < count; a++) {
    chainrule_attribute_info info = attribute_of(group, kind, a);
    char value[24];
    size_t length = strlen(text);
    if (test_random_bits(&state) % 10 >= (info.required ? 9u : 3u)) continue;
    random_value(&info, value, sizeof value);
    snprintf(text + length, capacity - length, "%s%s=%s", length ? " " : "", info.name, value);
  }
}

/* Runs a model of one sample, when it is small: any answer, no crash. */
static int predicts(const chainrule_model *model, size_t inputs, int64_t input_elements) {
  static double zeros[1024];
  chainrule_array in[4], out[8];
  chainrule_tensor_info info;
  size_t outputs = 0, i, k;
  int32_t axis;
  chainrule_status status = CHAINRULE_OK;
  if (chainrule_model_output_count(model, &outputs) != CHAINRULE_OK || outputs > 8 || inputs > 4 || input_elements > 1024) return 0;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  for (i = 0; i < inputs; i++) {
    SUCCEEDS(chainrule_model_input_info(model, i, &info));
    in[i] = chainrule_view(zeros, info.dtype == CHAINRULE_INT32 ? CHAINRULE_INT64 : CHAINRULE_FLOAT64, info.rank, 0, 0, 0, 0);
    for (axis = 0; axis < info.rank; axis++) in[i].shape[axis] = info.shape[axis] < 0 ? 1 : info.shape[axis];
  }
  for (i = 0; i < outputs; i++) {
    int64_t elements = 1;
    SUCCEEDS(chainrule_model_output_info(model, i, &info));
    out[i] = chainrule_view(NULL, info.dtype, info.rank, 0, 0, 0, 0);
    for (axis = 0; axis < info.rank; axis++) {
      out[i].shape[axis] = info.shape[axis] < 0 ? 1 : info.shape[axis];
      if (out[i].shape[axis] > 4096 || (elements *= out[i].shape[axis]) > 4096) break;
    }
    if (axis < info.rank) break;
    out[i].data = malloc((size_t)elements * 8 + 8);
  }
  if (i == outputs) status = chainrule_model_predict(model, in, out);
  for (k = 0; k < i; k++) free(out[k].data);
  if (status != CHAINRULE_OK && strstr(chainrule_last_error()->message, "chainrule_model_predict") == NULL)
    test_fail(__FILE__, __LINE__, "the message is \"%s\"", chainrule_last_error()->message);
  return i == outputs && status == CHAINRULE_OK;
}

static void layers_at_random(void) {
  static const char *const shapes[] = {"shape=8", "shape=4,8", "shape=2,5,6", "shape=2,4,4,4", "shape=8 dtype=integer",
                                       "shape=3,8 batched=false", "shape= batched=false", "shape=", "shape=0", "shape=1,1"};
  size_t k, i;
  const char *kind;
  int round, made = 0, ran = 0;
  for (k = 0; (kind = chainrule_catalog_kind(CHAINRULE_LAYERS, k)) != NULL; k++)
    for (round = 0; round < 60; round++) {
      chainrule_model *model = test_model(round % 2 ? CHAINRULE_FLOAT64 : CHAINRULE_FLOAT32, 0);
      chainrule_entry_info entry;
      chainrule_node nodes[4];
      char text[600], told[1000];
      size_t count;
      memset(&entry, 0, sizeof entry);
      entry.struct_size = sizeof entry;
      SUCCEEDS(chainrule_catalog_entry(CHAINRULE_LAYERS, kind, &entry));
      count = (size_t)entry.least_inputs + test_random_bits(&state) % 2;
      if (count > 4) count = 4;
      for (i = 0; i < count; i++) {
        const char *shape = one_of(shapes, sizeof shapes / sizeof *shapes);
        SUCCEEDS(chainrule_model_add(model, "input", i && test_random_bits(&state) % 2 ? shapes[1] : shape, &nodes[i]));
      }
      random_text(CHAINRULE_LAYERS, kind, text, sizeof text);
      snprintf(told, sizeof told, "%s \"%s\"", kind, text);
      test_case_part = told;
      if (chainrule_model_add_node(model, kind, text, count ? nodes : NULL, count, NULL) == CHAINRULE_OK) {
        made++;
        ran += predicts(model, count, 1024);
      } else if (strstr(chainrule_last_error()->message, "chainrule_model_add_node") == NULL) {
        test_fail(__FILE__, __LINE__, "the message is \"%s\"", chainrule_last_error()->message);
      }
      chainrule_model_free(model);
      test_case_part = NULL;
      if (test_case_failures > 5) return;
    }
  printf("# %d models made, %d ran\n", made, ran);
  CHECK(made > 500 && ran > 300);
}

static void others_at_random(void) {
  size_t g, k;
  const char *kind;
  int round, made = 0;
  for (g = 1; g < sizeof groups / sizeof *groups; g++)
    for (k = 0; (kind = chainrule_catalog_kind(groups[g], k)) != NULL; k++)
      for (round = 0; round < 200; round++) {
        char text[600], told[1000];
        random_text(groups[g], kind, text, sizeof text);
        snprintf(told, sizeof told, "%s \"%s\"", kind, text);
        test_case_part = told;
        if (make(groups[g], kind, text) == CHAINRULE_OK) made++;
        else if (strstr(chainrule_last_error()->message, "chainrule_") == NULL)
          test_fail(__FILE__, __LINE__, "the message is \"%s\"", chainrule_last_error()->message);
        test_case_part = NULL;
        if (test_case_failures > 5) return;
      }
  printf("# %d made\n", made);
  CHECK(made > 500);
}

/* Initializers stand in layers' attributes, with their numbers in parentheses. */
static void initializers_at_random(void) {
  static const char *const numbers[] = {"", "()", "(1)", "(0.1,0.2)", "(-1)", "(nan)", "(1e400)", "(1,2,3)", "(fan_in)", "(fan_out,relu)",
                                        "(", ")", "(1", "(,)", "(1,)", "(gain=2)", "((1))", "(9223372036854775807)", "(true)", "(\xff)"};
  size_t k, i;
  const char *kind;
  int made = 0;
  for (k = 0; (kind = chainrule_catalog_kind(CHAINRULE_INITIALIZERS, k)) != NULL; k++)
    for (i = 0; i < sizeof numbers / sizeof *numbers; i++) {
      char text[100];
      snprintf(text, sizeof text, "out_features=3 weight_init=%s%s", kind, numbers[i]);
      test_case_part = text;
      if (make(CHAINRULE_LAYERS, "linear", text) == CHAINRULE_OK) made++;
      else CHECK(strstr(chainrule_last_error()->message, "weight") != NULL || strstr(chainrule_last_error()->message, "UTF-8") != NULL);
      test_case_part = NULL;
    }
  CHECK(made >= (int)k);
}

int main(void) {
  TEST_MAIN("described");
  holder = test_mlp(CHAINRULE_FLOAT32, 1, 4, 8, 2, "tanh");
  if (chainrule_trainer_create(holder, "mse", "sgd", &trainer) != CHAINRULE_OK) return 2;
  RUN(wrong_values);
  RUN(layers_at_random);
  RUN(others_at_random);
  RUN(initializers_at_random);
  chainrule_trainer_free(trainer);
  chainrule_model_free(holder);
  return test_finish();
}
