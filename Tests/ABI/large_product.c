/* A product whose second matrix is larger than what is packed at a time: it is made in several steps. */
#include "support.h"

enum { M = 300, K = 2100, N = 1300 };

static void in_several_steps(void) {
  float *a = malloc(sizeof(float) * M * K), *b = malloc(sizeof(float) * K * N), *c = malloc(sizeof(float) * M * N);
  chainrule_model *model = NULL;
  chainrule_node nodes[2], product;
  chainrule_array inputs[2], output;
  size_t i, j, k;
  for (i = 0; i < (size_t)M * K; i++) a[i] = (float)(i % 7) - 3;
  for (i = 0; i < (size_t)K * N; i++) b[i] = (float)(i % 5) - 2;
  REQUIRE_OK(chainrule_model_create(NULL, &model));
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=300,2100 batched=false", &nodes[0]));
  REQUIRE_OK(chainrule_model_add(model, "input", "shape=2100,1300 batched=false", &nodes[1]));
  REQUIRE_OK(chainrule_model_add_node(model, "matmul", "", nodes, 2, &product));
  inputs[0] = chainrule_matrix(a, M, K);
  inputs[1] = chainrule_matrix(b, K, N);
  output = chainrule_matrix(c, M, N);
  REQUIRE_OK(chainrule_model_predict(model, inputs, &output));
  for (i = 0; i < M; i += 23) {
    for (j = 0; j < N; j += 13) {
      double sum = 0; /* of small integers: exact */
      for (k = 0; k < K; k++) sum += (double)a[i * K + k] * b[k * N + j];
      CHECK_NEAR(c[i * N + j], sum, 1e-6);
    }
  }
  chainrule_model_free(model);
  free(a), free(b), free(c);
}

int main(void) {
  TEST_MAIN("large_product");
  RUN(in_several_steps);
  return test_finish();
}
