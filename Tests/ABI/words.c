/* Layers cross the interface as words: texts that are refused, and how; texts that are accepted; any text. */
#include "support.h"

/* Texts that no model accepts after input(shape=8), and the statuses they may get. */
static void words_refused(void) {
  const unsigned word = BIT(CHAINRULE_ATTRIBUTE), shape = BIT(CHAINRULE_SHAPE);
  const unsigned range = BIT(CHAINRULE_ATTRIBUTE) | BIT(CHAINRULE_INVALID_ARGUMENT) | BIT(CHAINRULE_SHAPE);
  const struct {
    const char *kind, *attributes, *says;
    unsigned statuses;
  } cases[] = {
      {"linnear", "out_features=3", "linnear", word},
      {"", "", NULL, word},
      {"Linear", "out_features=3", "Linear", word},
      {"linear ", "out_features=3", NULL, word},
      {"mse", "", "mse", word},
      {"linear", "out_feature=3", "out_feature", word},
      {"linear", "", "out_features", word},
      {"linear", "out_features=abc", "out_features", word},
      {"linear", "out_features=1.5", "out_features", word},
      {"linear", "out_features=", "out_features", word},
      {"linear", "out_features=3,4", "out_features", word},
      {"linear", "out_features=0x10", "out_features", word},
      {"linear", "out_features=99999999999999999999", "out_features", word},
      {"linear", "out_features=3 bias=maybe", "bias", word},
      {"linear", "out_features=3 bias=1.5", "bias", word},
      {"linear", "out_features=3 weight_init=wild", "weight_init", word},
      {"linear", "out_features=3 weight_init=uniform(1", "weight_init", word},
      {"linear", "out_features=3 weight_init=uniform(1)", "weight_init", word},
      {"linear", "out_features=3 weight_init=constant(x)", "weight_init", word},
      {"linear", "out_features=3 out_features=4", "out_features", word},
      {"linear", "out_features", "position", word},
      {"linear", "=3", "position", word},
      {"linear", "out_features==3", NULL, word},
      {"linear", "out_features=3 bias", "position", word},
      {"linear", "out_features=3 =true", "position", word},
      {"linear", "out_features = 3", "position", word},
      {"linear", "out_features=0", "out_features", range},
      {"linear", "out_features=-3", "out_features", range},
      {"linear", "out_features=9223372036854775807", NULL, range | BIT(CHAINRULE_OUT_OF_MEMORY)},
      {"linear", "out_features=1152921504606846976", NULL, range | BIT(CHAINRULE_OUT_OF_MEMORY)},
      {"linear", "out_features=3 in_features=9", "9", shape | BIT(CHAINRULE_ATTRIBUTE)},
      {"relu", "slope=1", "slope", word},
      {"leaky_relu", "negative_slope=steep", "negative_slope", word},
      {"leaky_relu", "negative_slope=nan", NULL, range},
      {"leaky_relu", "negative_slope=inf", NULL, range},
      {"gelu", "approximate=maybe", "approximate", word},
      {"dropout", "p=1.5", "p", range},
      {"dropout", "p=-0.1", "p", range},
      {"softplus", "beta=0", "beta", range},
      {"hardtanh", "min_val=2 max_val=1", NULL, range},
      {"softmax", "dim=5", "dim", range},
      {"softmax", "dim=-3", "dim", range},
      {"flatten", "start_dim=3", "start_dim", range},
      {"flatten", "start_dim=1 end_dim=0", NULL, range},
      {"reshape", "shape=3,3", NULL, range},
      {"reshape", "shape=-1,-1", NULL, range},
      {"reshape", "shape=-2,4", NULL, range},
      {"reshape", "shape=4,,2", "shape", word},
      {"reshape", "shape=4,2,", "shape", word},
      {"reshape", "", "shape", word},
      {"reshape", "shape=1,1,1,1,1,1,1,1,8", NULL, range},
      {"reshape", "shape=3037000500,3037000500,-1", NULL, range},
      {"input", "shape=-3", "shape", range},
      {"input", "shape=9223372036854775807,9223372036854775807", NULL, range},
      {"input", "shape=1,1,1,1,1,1,1,1,1", NULL, range},
      {"input", "", "shape", word},
      {"parameter", "shape=2 value=1,2,3", "value", range},
      {"parameter", "shape=2 value=1,x", "value", word},
      {"parameter", "shape=2 value=1,nan", NULL, range | BIT(CHAINRULE_VALUE)},
      {"constant", "value=1,2,3 shape=2", "value", range},
      {"sum", "dim=7", "dim", range},
      {"sum", "dim=1,1", "dim", range},
      {"mean", "dim=0.5", "dim", word},
      {"transpose", "dim0=0 dim1=1", NULL, range}, /* the batch stays first */
      {"transpose", "dim0=0 dim1=9", "dim1", range},
      {"slice", "dim=1 step=0", "step", range},
      {"slice", "dim=1 step=-1099511627777", "step", range},
      {"slice", "dim=1 index=1 step=-1", "index", range},
      {"slice", "dim=0 step=-1", "dim", range}, /* the batch stays */
      {"slice", "dim=9", "dim", range},
      {"slice", "dim=1 index=8", "index", range},
      {"slice", "dim=1 index=-9", "index", range},
      {"slice", "dim=1 index=9223372036854775807", "index", range},
      {"slice", "dim=0 index=0", "dim", range}, /* the batch stays */
      {"slice", "dim=1 index=1 start=2", "index", range},
      {"slice", "dim=1 index=1 end=2", "index", range},
      {"add", "", NULL, range | BIT(CHAINRULE_STATE)},
      {"add", "value=x", "value", word},
      {"matmul", "", NULL, range | BIT(CHAINRULE_STATE)},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_node node;
    int before = test_case_failures;
    test_add(model, "input", "shape=8");
    test_poison(&node, sizeof node);
    if (cases[i].says != NULL) {
      test_mark();
      test_fails(cases[i].statuses, cases[i].says,
                 chainrule_model_add(model, cases[i].kind, cases[i].attributes, &node), "chainrule_model_add(...)",
                 __FILE__, __LINE__);
    } else {
      FAILS_ONE_OF(cases[i].statuses, chainrule_model_add(model, cases[i].kind, cases[i].attributes, &node));
    }
    CHECK_UNTOUCHED(node);
    /* The refused node took no number, and the model goes on. */
    SUCCEEDS(chainrule_model_add(model, "linear", "out_features=2", &node));
    CHECK_EQUAL(node, 1);
    if (test_case_failures != before) printf("#   in: \"%s\" \"%s\"\n", cases[i].kind, cases[i].attributes);
    chainrule_model_free(model);
  }
}

static void words_accepted(void) {
  static const char *const texts[] = {"out_features=3",
                                      "  out_features=3  ",
                                      "bias=false out_features=3",
                                      "out_features=3 in_features=8",
                                      "out_features=3 weight_init=xavier_uniform bias_init=zeros",
                                      "out_features=3 weight_init=uniform(-0.5,0.5) bias_init=constant(0.25)",
                                      "out_features=3 name=head"};
  size_t i;
  for (i = 0; i < sizeof texts / sizeof *texts; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
    test_add(model, "input", "shape=8");
    test_add(model, "linear", texts[i]);
    chainrule_model_free(model);
  }
}

/* Ten thousand random texts, for every kind: any answer, no crash. Bytes that are no UTF-8 are among them.
   (described.c has texts that are nearly right, for every group of the catalog.) */
static void words_at_random(void) {
  static const char letters[] = "abefioprstuw_=,. ()-+0123456789e\t\n\xff\xc3\"'\\{}[]%";
  uint64_t state = 42;
  uint32_t kinds = 0;
  int round;
  while (chainrule_catalog_kind(CHAINRULE_LAYERS, kinds) != NULL) kinds++;
  for (round = 0; round < 10000; round++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    char text[60];
    size_t length = test_random_bits(&state) % (sizeof text - 1), i;
    const char *kind = chainrule_catalog_kind(CHAINRULE_LAYERS, (size_t)round % kinds);
    for (i = 0; i < length; i++) text[i] = letters[test_random_bits(&state) % (sizeof letters - 1)];
    text[length] = 0;
    test_add(model, "input", "shape=8");
    if (chainrule_model_add(model, kind, text, NULL) != CHAINRULE_OK)
      CHECK(strstr(chainrule_last_error()->message, "chainrule_model_add") != NULL);
    chainrule_model_free(model);
    if (test_case_failures) return;
  }
}

int main(void) {
  TEST_MAIN("words");
  RUN(words_refused);
  RUN(words_accepted);
  RUN(words_at_random);
  return test_finish();
}
