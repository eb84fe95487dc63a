/* Norms, embeddings, weight nodes and kinds of dropout: every way of saying them wrong, wrong indices, and
   that the model goes on. */
#include "support.h"

#define WORD BIT(CHAINRULE_ATTRIBUTE)
#define SHAPE BIT(CHAINRULE_SHAPE)

/* What is refused behind an input, and a word of the message. */
static void words_and_shapes(void) {
  static const struct {
    const char *input, *kind, *attributes, *says;
    unsigned statuses;
  } cases[] = {
      {"shape=4", "batch_norm", "eps=-1", "eps", WORD},
      {"shape=4", "batch_norm", "eps=small", "eps", WORD},
      {"shape=4", "batch_norm", "momentum=2", "momentum", WORD},
      {"shape=4", "batch_norm", "momentum=-0.1", "momentum", WORD},
      {"shape=4", "batch_norm", "momentum=nan", "momentum", WORD},
      {"shape=4", "batch_norm", "momentum=None", "momentum", WORD},
      {"shape=4", "batch_norm", "momentum=", "momentum", WORD},
      {"shape=4", "batch_norm", "num_features=5", "5", SHAPE},
      {"shape=4", "batch_norm", "num_features=0", "num_features", WORD},
      {"shape=4", "batch_norm", "affine=1", "affine", WORD},
      {"shape=", "batch_norm", "", "dimensions", SHAPE},
      {"shape=0", "batch_norm", "", "channel", SHAPE},
      {"shape=4,5,6", "batch_norm1d", "", "dimensions", SHAPE},
      {"shape=4,5", "batch_norm2d", "", "4 dimensions", SHAPE},
      {"shape=4,5,6", "batch_norm3d", "", "5 dimensions", SHAPE},
      {"shape=4", "instance_norm1d", "", "3 dimensions", SHAPE},
      {"shape=4,1", "instance_norm1d", "", "position", SHAPE},
      {"shape=4,5", "instance_norm2d", "", "4 dimensions", SHAPE},
      {"shape=4,1,1", "instance_norm2d", "", "position", SHAPE},
      {"shape=4,5,6", "instance_norm3d", "", "5 dimensions", SHAPE},
      {"shape=4,5", "instance_norm1d", "num_features=5", "5", SHAPE},
      {"shape=4,5", "instance_norm1d", "momentum=x", "momentum", WORD},
      {"shape=4", "layer_norm", "", "normalized_shape", WORD},
      {"shape=4", "layer_norm", "normalized_shape=", "normalized_shape", WORD},
      {"shape=4", "layer_norm", "normalized_shape=0", "normalized_shape", WORD},
      {"shape=4", "layer_norm", "normalized_shape=-1", "normalized_shape", WORD},
      {"shape=4", "layer_norm", "normalized_shape=4.5", "normalized_shape", WORD},
      {"shape=4", "layer_norm", "normalized_shape=5", "[5]", SHAPE},
      {"shape=4", "layer_norm", "normalized_shape=3,4", "[3, 4]", SHAPE},
      {"shape=4", "layer_norm", "normalized_shape=9223372036854775807,9223372036854775807", NULL, SHAPE},
      {"shape=4", "layer_norm", "normalized_shape=4 bias=no", "bias", WORD},
      {"shape=4", "rms_norm", "", "normalized_shape", WORD},
      {"shape=4", "rms_norm", "normalized_shape=4 eps=-1", "eps", WORD},
      {"shape=4", "rms_norm", "normalized_shape=4 bias=true", "bias", WORD},
      {"shape=4", "rms_norm", "normalized_shape=2", "[2]", SHAPE},
      {"shape=4", "group_norm", "", "num_groups", WORD},
      {"shape=4", "group_norm", "num_groups=0", "num_groups", WORD},
      {"shape=4", "group_norm", "num_groups=3", "num_groups", WORD},
      {"shape=4", "group_norm", "num_groups=8", "num_groups", WORD},
      {"shape=4", "group_norm", "num_groups=2 num_channels=8", "8", SHAPE},
      {"shape=", "group_norm", "num_groups=1", "dimensions", SHAPE},
      {"shape=4,3", "local_response_norm", "", "size", WORD},
      {"shape=4,3", "local_response_norm", "size=0", "size", WORD},
      {"shape=4,3", "local_response_norm", "size=2 k=inf", "k", WORD},
      {"shape=4", "local_response_norm", "size=2", "dimensions", SHAPE},
      {"shape=4", "weight_norm", "shape=4,4", NULL, BIT(CHAINRULE_INVALID_ARGUMENT)}, /* it takes no input */
      {"shape=4,3", "dropout1d", "p=1.5", "p", WORD},
      {"shape=4", "dropout1d", "", "3 dimensions", SHAPE},
      {"shape=4,3", "dropout2d", "", "4 dimensions", SHAPE},
      {"shape=4,3", "dropout3d", "", "5 dimensions", SHAPE},
      {"shape=4", "alpha_dropout", "p=-0.5", "p", WORD},
      {"shape=", "feature_alpha_dropout", "", "dimensions", SHAPE},
      {"shape=4", "gaussian_noise", "", "stddev", WORD},
      {"shape=4", "gaussian_noise", "stddev=-1", "stddev", WORD},
      {"shape=4", "gaussian_dropout", "", "rate", WORD},
      {"shape=4", "gaussian_dropout", "rate=1", "rate", WORD},
      {"shape=4", "embedding", "num_embeddings=3 embedding_dim=2", "whole numbers", BIT(CHAINRULE_DTYPE)},
      {"shape=4 dtype=integer", "embedding", "embedding_dim=2", "num_embeddings", WORD},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=3", "embedding_dim", WORD},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=0 embedding_dim=2", "num_embeddings", WORD},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=9223372036854775807 embedding_dim=2", "num_embeddings", WORD},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=2000000000 embedding_dim=1000000000000", NULL, SHAPE},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=3 embedding_dim=2 padding_idx=3", "padding_idx", WORD},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=3 embedding_dim=2 padding_idx=-4", "padding_idx", WORD},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=3 embedding_dim=2 max_norm=0", "max_norm", WORD},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=3 embedding_dim=2 norm_type=0", "norm_type", WORD},
      {"shape=4 dtype=integer", "embedding", "num_embeddings=3 embedding_dim=2 weight_init=wild", "weight_init", WORD},
      {"shape=1,1,1,1,1,1,1 dtype=integer", "embedding", "num_embeddings=3 embedding_dim=2", "rank", SHAPE},
      {"shape=4", "embedding_bag", "num_embeddings=3 embedding_dim=2", "whole numbers", BIT(CHAINRULE_DTYPE)},
      {"shape=4 dtype=integer", "embedding_bag", "num_embeddings=3 embedding_dim=2 mode=median", "mode", WORD},
      {"shape=4 dtype=integer", "embedding_bag", "num_embeddings=3 embedding_dim=2 mode=max scale_grad_by_freq=true", "scale_grad_by_freq", WORD},
      {"shape=4 dtype=integer", "embedding_bag", "num_embeddings=3 embedding_dim=2 include_last_offset=true", "include_last_offset", WORD},
      {"shape=4,2 dtype=integer", "embedding_bag", "num_embeddings=3 embedding_dim=2", "batch", SHAPE},
      {"shape= dtype=integer", "embedding_bag", "num_embeddings=3 embedding_dim=2", "batch", SHAPE},
      {"shape=4 dtype=integer", "batch_norm", "", "real numbers", BIT(CHAINRULE_DTYPE)},
      {"shape=4 dtype=integer", "dropout1d", "", "real numbers", BIT(CHAINRULE_DTYPE)},
  };
  size_t i;
  for (i = 0; i < sizeof cases / sizeof *cases; i++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_node node;
    int before = test_case_failures;
    test_add(model, "input", cases[i].input);
    test_poison(&node, sizeof node);
    if (cases[i].says != NULL) {
      FAILS_WITH(cases[i].statuses, cases[i].says, chainrule_model_add(model, cases[i].kind, cases[i].attributes, &node));
    } else {
      chainrule_node first = 0;
      FAILS_ONE_OF(cases[i].statuses | SHAPE | BIT(CHAINRULE_OUT_OF_MEMORY),
                   chainrule_model_add_node(model, cases[i].kind, cases[i].attributes, &first, 1, &node));
    }
    CHECK_UNTOUCHED(node);
    SUCCEEDS(chainrule_model_add(model, "parameter", "shape=2", &node));
    CHECK_EQUAL(node, 1);
    if (test_case_failures != before) printf("#   in: %s, %s \"%s\"\n", cases[i].input, cases[i].kind, cases[i].attributes);
    chainrule_model_free(model);
  }
}

/* Nodes that give a weight, and linear that takes one. */
static void weights(void) {
  static const struct {
    const char *kind, *attributes, *says;
  } cases[] = {
      {"weight_norm", "", "shape"},
      {"weight_norm", "shape=", "shape"},
      {"weight_norm", "shape=0,3", "shape"},
      {"weight_norm", "shape=2,3 dim=2", "dim"},
      {"weight_norm", "shape=2,3 dim=-2", "dim"},
      {"weight_norm", "shape=2,3 init=wild", "init"},
      {"spectral_norm", "", "shape"},
      {"spectral_norm", "shape=3", "shape"},
      {"spectral_norm", "shape=2,-3", "shape"},
      {"spectral_norm", "shape=2,3 dim=2", "dim"},
      {"spectral_norm", "shape=2,3 n_power_iterations=0", "n_power_iterations"},
      {"spectral_norm", "shape=2,3 eps=-1", "eps"},
  };
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node inputs[3] = {0, 1, 2}, node;
  size_t i;
  test_add(model, "input", "shape=3");
  for (i = 0; i < sizeof cases / sizeof *cases; i++)
    FAILS_WITH(WORD, cases[i].says, chainrule_model_add(model, cases[i].kind, cases[i].attributes, NULL));
  FAILS_ONE_OF(WORD | SHAPE, chainrule_model_add(model, "weight_norm", "shape=3037000500,3037000500", NULL));
  REQUIRE_OK(chainrule_model_add(model, "weight_norm", "shape=2,3 name=w", NULL));
  REQUIRE_OK(chainrule_model_add(model, "parameter", "shape=2", NULL));
  FAILS_SAYING(CHAINRULE_SHAPE, "weight", chainrule_model_add_node(model, "linear", "out_features=3", inputs, 2, &node));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "bias", chainrule_model_add_node(model, "linear", "out_features=2 bias=false", inputs, 3, &node));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "inputs", chainrule_model_add_node(model, "linear", "out_features=2 inputs=input,wait", inputs, 2, &node));
  inputs[2] = 1;
  FAILS_SAYING(CHAINRULE_SHAPE, "bias", chainrule_model_add_node(model, "linear", "out_features=2", inputs, 3, &node));
  inputs[2] = 2;
  REQUIRE_OK(chainrule_model_add_node(model, "linear", "out_features=2", inputs, 3, &node));
  CHECK_EQUAL(node, 3);
  chainrule_model_free(model);
}

/* Bags with offsets and weights. */
static void bags(void) {
  const char *words = "num_embeddings=3 embedding_dim=2 mode=sum";
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node inputs[3] = {0, 1, 2}, node;
  test_add(model, "input", "shape=4 dtype=integer batched=false");
  test_add(model, "input", "shape= dtype=integer");
  test_add(model, "input", "shape=4 batched=false");
  test_add(model, "input", "shape=5 batched=false");
  FAILS_SAYING(CHAINRULE_DTYPE, "per_sample_weights",
               chainrule_model_add_node(model, "embedding_bag", "num_embeddings=3 embedding_dim=2 mode=sum inputs=input,per_sample_weights", inputs, 2, &node));
  FAILS_SAYING(CHAINRULE_ATTRIBUTE, "mode", chainrule_model_add_node(model, "embedding_bag", "num_embeddings=3 embedding_dim=2", inputs, 3, &node));
  FAILS_SAYING(CHAINRULE_SHAPE, "batch", chainrule_model_add_node(model, "embedding_bag", words, inputs, 1, &node));
  FAILS_SAYING(CHAINRULE_SHAPE, "include_last_offset",
               chainrule_model_add_node(model, "embedding_bag", "num_embeddings=3 embedding_dim=2 include_last_offset=true", inputs, 2, &node));
  inputs[2] = 3;
  FAILS_SAYING(CHAINRULE_SHAPE, "per_sample_weights", chainrule_model_add_node(model, "embedding_bag", words, inputs, 3, &node));
  inputs[2] = 2;
  REQUIRE_OK(chainrule_model_add_node(model, "embedding_bag", words, inputs, 3, &node));
  chainrule_model_free(model);
}

/* Indices that no row has: refused with the place, by every way in, and nothing changed. */
static void indices(void) {
  static const int32_t wrong[] = {5, -1, INT32_MIN, INT32_MAX};
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 3);
  chainrule_trainer *trainer = NULL;
  chainrule_context *context = NULL;
  int32_t x[6] = {0, 1, 2, 3, 4, 0};
  float y[6], t[6] = {0};
  uint64_t before;
  double loss;
  size_t i;
  chainrule_array input = chainrule_view(x, CHAINRULE_INT32, 2, 2, 3, 0, 0), output = chainrule_matrix(y, 2, 3);
  chainrule_array target = chainrule_matrix(t, 2, 3);
  test_add(model, "input", "shape=3 dtype=integer");
  test_add(model, "embedding", "num_embeddings=5 embedding_dim=4 max_norm=0.5");
  test_add(model, "linear", "out_features=1");
  test_add(model, "flatten", "");
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.1", &trainer));
  REQUIRE_OK(chainrule_context_create(model, &context));
  before = test_parameter_hash(model);
  for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    x[4] = wrong[i];
    FAILS_SAYING(CHAINRULE_VALUE, "element 4", chainrule_model_predict(model, &input, &output));
    FAILS_SAYING(CHAINRULE_VALUE, "0 to 4", chainrule_context_forward(context, &input, 1));
    FAILS_SAYING(CHAINRULE_VALUE, "element 4", chainrule_trainer_step(trainer, &input, &target, NULL, &loss));
    CHECK(strstr(chainrule_last_error()->node, "embedding") != NULL);
  }
  CHECK(test_parameter_hash(model) == before);
  x[4] = 4;
  SUCCEEDS(chainrule_model_predict(model, &input, &output));
  CHECK(test_parameter_hash(model) == before);
  SUCCEEDS(chainrule_trainer_step(trainer, &input, &target, NULL, &loss));
  CHECK(test_parameter_hash(model) != before);
  chainrule_context_free(context);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Offsets past the end are refused; offsets that go down make empty bags. */
static void offsets(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 3);
  chainrule_node both[2] = {0, 1};
  int64_t x[4] = {0, 1, 2, 1}, o[3] = {0, 5, 2};
  double weight[3] = {1, 10, 100}, y[3];
  chainrule_array inputs[2] = {chainrule_view(x, CHAINRULE_INT64, 1, 4, 0, 0, 0), chainrule_view(o, CHAINRULE_INT64, 1, 3, 0, 0, 0)};
  chainrule_array output = chainrule_matrix_float64(y, 3, 1), table = chainrule_matrix_float64(weight, 3, 1);
  test_add(model, "input", "shape=4 dtype=integer batched=false");
  test_add(model, "input", "shape= dtype=integer");
  REQUIRE_OK(chainrule_model_add_node(model, "embedding_bag", "num_embeddings=3 embedding_dim=1 mode=sum name=bag", both, 2, NULL));
  REQUIRE_OK(chainrule_model_set_parameter(model, "bag.weight", &table));
  FAILS_SAYING(CHAINRULE_VALUE, "0 to 4", chainrule_model_predict(model, inputs, &output));
  o[1] = -1;
  FAILS_SAYING(CHAINRULE_VALUE, "element 1", chainrule_model_predict(model, inputs, &output));
  o[1] = 3;
  REQUIRE_OK(chainrule_model_predict(model, inputs, &output));
  CHECK(y[0] == 111 && y[1] == 0 && y[2] == 10);
  o[0] = 1, o[1] = 1, o[2] = 4;
  REQUIRE_OK(chainrule_model_predict(model, inputs, &output));
  CHECK(y[0] == 0 && y[1] == 120 && y[2] == 0);
  chainrule_model_free(model);
}

/* One value per channel has no deviation: refused in training, as the batch tells, and fine in inference. */
static void single_values(void) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_context *context = NULL;
  chainrule_trainer *trainer = NULL;
  float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, y[8];
  double loss;
  uint64_t before;
  chainrule_array one = chainrule_matrix(x, 1, 4), two = chainrule_matrix(x, 2, 4), result = chainrule_matrix(y, 1, 4);
  chainrule_array none = chainrule_matrix(x, 0, 4), nothing = chainrule_matrix(y, 0, 4);
  test_add(model, "input", "shape=4");
  test_add(model, "batch_norm", "");
  REQUIRE_OK(chainrule_context_create(model, &context));
  REQUIRE_OK(chainrule_trainer_create(model, "mse", "sgd lr=0.1", &trainer));
  before = test_parameter_hash(model);
  FAILS_SAYING(CHAINRULE_SHAPE, "one value", chainrule_context_forward(context, &one, 1));
  FAILS_SAYING(CHAINRULE_SHAPE, "batch_norm", chainrule_trainer_step(trainer, &one, &one, NULL, &loss));
  CHECK(test_parameter_hash(model) == before);
  SUCCEEDS(chainrule_context_forward(context, &one, 0));
  SUCCEEDS(chainrule_model_predict(model, &one, &result));
  SUCCEEDS(chainrule_model_predict(model, &none, &nothing));
  SUCCEEDS(chainrule_context_forward(context, &two, 1));
  SUCCEEDS(chainrule_trainer_step(trainer, &two, &two, NULL, &loss));
  CHECK(test_parameter_hash(model) != before);
  /* A step that fails leaves the running statistics alone. */
  before = test_parameter_hash(model);
  x[3] = INFINITY;
  FAILS_ONE_OF(BIT(CHAINRULE_NON_FINITE) | BIT(CHAINRULE_VALUE), chainrule_trainer_step(trainer, &two, &two, NULL, &loss));
  CHECK(test_parameter_hash(model) == before);
  chainrule_trainer_free(trainer);
  chainrule_context_free(context);
  chainrule_model_free(model);
}

int main(void) {
  TEST_MAIN("bad_normalization");
  RUN(words_and_shapes);
  RUN(weights);
  RUN(bags);
  RUN(indices);
  RUN(offsets);
  RUN(single_values);
  return test_finish();
}
