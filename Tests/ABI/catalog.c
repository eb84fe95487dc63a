/*
 * The rest of the catalog, walked by chainrule_catalog_kind: every optimizer must find a minimum, every
 * metric is computed again here, every initializer's numbers are looked at. A kind without a case is a
 * failure.
 */
#include "support.h"

static void optimizers(void) {
  static const char *const texts[][2] = {
      {"sgd", "sgd lr=0.1"}, {"adam", "adam lr=0.05"}, {"adamw", "adamw lr=0.05 weight_decay=0"}, {"nadam", "nadam lr=0.05"},
      {"radam", "radam lr=0.05"}, {"adamax", "adamax lr=0.05"}, {"adagrad", "adagrad lr=0.5"}, {"adadelta", "adadelta eps=0.001"},
      {"rmsprop", "rmsprop lr=0.01"}, {"rprop", "rprop"}, {"asgd", "asgd lr=0.1"}, {"adafactor", "adafactor lr=0.01"},
      {"lion", "lion lr=0.004"}, {"lamb", "lamb lr=0.005 weight_decay=0"}, {"muon", "muon lr=0.01 weight_decay=0"},
      {"lbfgs", "lbfgs line_search_fn=strong_wolfe"}};
  size_t index, k;
  const char *kind;
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_OPTIMIZERS, index)) != NULL; index++) {
    int found = 0, i;
    for (k = 0; k < sizeof texts / sizeof *texts; k++) {
      chainrule_model *formula;
      chainrule_trainer *trainer = NULL;
      double p[3] = {0, 0, 0}, loss = 1;
      int matrix = strcmp(kind, "muon") == 0;
      chainrule_array array = matrix ? chainrule_matrix_float64(p, 1, 3) : chainrule_vector_float64(p, 3);
      if (strcmp(texts[k][0], kind) != 0) continue;
      found = 1;
      formula = test_model(CHAINRULE_FLOAT64, 0);
      test_add(formula, "parameter", matrix ? "shape=1,3 value=3,-2,1 name=p" : "shape=3 value=3,-2,1 name=p");
      test_add(formula, "sub", "value=0.5");
      test_add(formula, "pow", "value=2");
      test_add(formula, "sum", "");
      REQUIRE_OK(chainrule_trainer_create(formula, "none", texts[k][1], &trainer));
      for (i = 0; i < 2000; i++) REQUIRE_OK(chainrule_trainer_step(trainer, NULL, NULL, NULL, &loss));
      REQUIRE_OK(chainrule_model_get_parameter(formula, "p", &array));
      for (i = 0; i < 3; i++) CHECK_NEAR(p[i], 0.5, 0.02);
      chainrule_trainer_free(trainer);
      chainrule_model_free(formula);
    }
    if (!found) test_fail(__FILE__, __LINE__, "the catalog has an optimizer \"%s\", and no case tries it", kind);
  }
}

/* 64 x 4 and more numbers from each initializer: bounds, mean and deviation as in PyTorch. */
static void initializers(void) {
  enum { OUT = 60, IN = 40, COUNT = OUT * IN };
  static const struct {
    const char *kind, *word;
    double low, high, mean, deviation;
  } known[] = {
      {"default", "default", -0.158114, 0.158114, 0, 0.0912871}, /* 1/sqrt(40) */
      {"xavier_uniform", "xavier_uniform", -0.244949, 0.244949, 0, 0.141421},
      {"xavier_normal", "xavier_normal", -1, 1, 0, 0.141421},
      {"he_uniform", "he_uniform", -0.387299, 0.387299, 0, 0.223607},
      {"he_normal", "he_normal", -1.5, 1.5, 0, 0.223607},
      {"xavier_uniform", "xavier_uniform(2)", -0.489898, 0.489898, 0, 0.282843},
      {"xavier_normal", "xavier_normal(gain=tanh)", -1.5, 1.5, 0, 0.235702},
      {"kaiming_uniform", "kaiming_uniform", -0.387299, 0.387299, 0, 0.223607},
      {"kaiming_uniform", "kaiming_uniform(0.5,fan_out,leaky_relu)", -0.282843, 0.282843, 0, 0.163299},
      {"kaiming_normal", "kaiming_normal(mode=fan_out,nonlinearity=tanh)", -1.5, 1.5, 0, 0.215166},
      {"kaiming_normal", "kaiming_normal(nonlinearity=selu)", -1.5, 1.5, 0, 0.118585},
      {"lecun_uniform", "lecun_uniform", -0.273862, 0.273862, 0, 0.158114},
      {"lecun_normal", "lecun_normal", -0.359502, 0.359502, 0, 0.158114},
      {"trunc_normal", "trunc_normal", -2, 2, 0, 0.879626},
      {"trunc_normal", "trunc_normal(mean=1,std=2,a=0,b=3)", 0, 3, 1.413262, 0.831324},
      {"trunc_normal", "trunc_normal(0,1,8,20)", 8, 20, 8.121339, 0.119687},
      {"orthogonal", "orthogonal", -1, 1, 0, 0.129099},
      {"sparse", "sparse(0.25,0.5)", -2.5, 2.5, 0, 0.433013},
      {"eye", "eye", 0, 1, 0.0166667, 0.128019},
      {"dirac", NULL, 0, 0, 0, 0}, /* for convolutions */
      {"uniform", "uniform(2,5)", 2, 5, 3.5, 0.866025},
      {"normal", "normal(-1,0.25)", -2.5, 0.5, -1, 0.25},
      {"zeros", "zeros", 0, 0, 0, 0},
      {"ones", "ones", 1, 1, 1, 0},
      {"constant", "constant(-0.75)", -0.75, -0.75, -0.75, 0}};
  static double values[COUNT];
  size_t index, k, i;
  const char *kind;
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_INITIALIZERS, index)) != NULL; index++) {
    int found = 0;
    for (k = 0; k < sizeof known / sizeof *known; k++) {
      chainrule_model *drawn;
      chainrule_array array = chainrule_matrix_float64(values, OUT, IN);
      char text[100];
      double sum = 0, squares = 0, mean;
      if (strcmp(known[k].kind, kind) != 0) continue;
      found = 1;
      if (known[k].word == NULL) continue;
      drawn = test_model(CHAINRULE_FLOAT64, 31);
      test_add(drawn, "input", "shape=40");
      snprintf(text, sizeof text, "out_features=60 weight_init=%s", known[k].word);
      test_add(drawn, "linear", text);
      REQUIRE_OK(chainrule_model_get_parameter(drawn, "0.weight", &array));
      for (i = 0; i < COUNT; i++) {
        sum += values[i];
        CHECK(values[i] >= known[k].low - 1e-6 && values[i] <= known[k].high + 1e-6);
      }
      mean = sum / COUNT;
      for (i = 0; i < COUNT; i++) squares += (values[i] - mean) * (values[i] - mean);
      CHECK_NEAR(mean, known[k].mean, 5 * known[k].deviation / sqrt((double)COUNT) + 1e-12);
      CHECK_NEAR(sqrt(squares / COUNT), known[k].deviation, 0.06 * known[k].deviation + 1e-12);
      if (test_case_failures) printf("#   in: %s\n", known[k].word);
      chainrule_model_free(drawn);
    }
    if (!found) test_fail(__FILE__, __LINE__, "the catalog has an initializer \"%s\", and no case looks at it", kind);
  }
}

static void draw(const char *word, const char *shape, int rows, int columns, double *values) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 31);
  chainrule_array array = chainrule_matrix_float64(values, rows, columns);
  char text[100];
  snprintf(text, sizeof text, "shape=%s init=%s name=p", shape, word);
  test_add(model, "parameter", text);
  SUCCEEDS(chainrule_model_get_parameter(model, "p", &array));
  chainrule_model_free(model);
}

/* Those whose numbers belong together. */
static void whole_initializers(void) {
  static const int sizes[][2] = {{7, 20}, {20, 7}, {9, 9}};
  static const char *const refused[] = {"shape=3 init=orthogonal", "shape=3 init=eye", "shape=2,2,2 init=eye", "shape=4 init=sparse(0.5)",
                                        "shape=3,3 init=dirac", "shape=3,3,3 init=dirac(2)", "shape=3,3 init=dirac(0)",
                                        "shape=3,3 init=sparse", "shape=3,3 init=sparse(1.5)", "shape=3,3 init=orthogonal(x)",
                                        "shape=3,3 init=orthogonal(1,2)", "shape=3,3 init=trunc_normal(0,0)", "shape=3,3 init=trunc_normal(0,1,2,1)",
                                        "shape=3,3 init=kaiming_normal(mode=fan)", "shape=3,3 init=kaiming_normal(nonlinearity=cosh)",
                                        "shape=3,3 init=kaiming_normal(a=0,a=0)", "shape=3,3 init=xavier_normal(gain=)", "shape=3,3 init=eye(3"};
  double values[400];
  size_t k;
  int a, b, i, zeros;
  for (k = 0; k < 3; k++) {
    int rows = sizes[k][0], columns = sizes[k][1], wide = rows <= columns, count = wide ? rows : columns;
    char shape[20];
    snprintf(shape, sizeof shape, "%d,%d", rows, columns);
    draw("orthogonal(2)", shape, rows, columns, values);
    for (a = 0; a < count; a++)
      for (b = 0; b < count; b++) {
        double sum = 0;
        for (i = 0; i < (wide ? columns : rows); i++)
          sum += wide ? values[a * columns + i] * values[b * columns + i] : values[i * columns + a] * values[i * columns + b];
        CHECK_NEAR(sum, a == b ? 4 : 0, 1e-13);
      }
  }
  draw("eye", "5,8", 5, 8, values);
  for (i = 0; i < 40; i++) CHECK(values[i] == (i / 8 == i % 8 ? 1 : 0));
  draw("sparse(0.3)", "9,20", 9, 20, values);
  for (b = 0; b < 20; b++) {
    for (a = zeros = 0; a < 9; a++) zeros += values[a * 20 + b] == 0;
    CHECK_EQUAL(zeros, 3); /* 2.7, rounded up */
  }
  {
    chainrule_model *model = test_model(CHAINRULE_FLOAT64, 31);
    chainrule_array array = chainrule_view(values, CHAINRULE_FLOAT64, 4, 6, 2, 3, 4);
    test_add(model, "parameter", "shape=6,2,3,4 init=dirac(2) name=p");
    SUCCEEDS(chainrule_model_get_parameter(model, "p", &array));
    for (i = 0; i < 144; i++) {
      int out = i / 24, in = i / 12 % 2, row = i / 4 % 3, column = i % 4;
      CHECK(values[i] == (in == out % 3 && row == 1 && column == 2 ? 1 : 0));
    }
    chainrule_model_free(model);
  }
  for (k = 0; k < sizeof refused / sizeof *refused; k++) {
    chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
    int before = test_case_failures;
    FAILS_SAYING(CHAINRULE_ATTRIBUTE, "initializer", chainrule_model_add(model, "parameter", refused[k], NULL));
    if (test_case_failures != before) printf("#   text: \"%s\"\n", refused[k]);
    chainrule_model_free(model);
  }
}

/* Metrics of known predictions: an identity network, so that the input is the prediction. */
static void metrics(void) {
  float x[8 * 3], y[8 * 3];
  int32_t labels[8] = {0, 1, 2, 0, 1, 2, 0, 1};
  double values[2], expected, residual = 0, total[3] = {0}, mean[3] = {0}, spread = 0;
  size_t index;
  int i, c;
  const char *kind;
  test_fill(x, 24, 5);
  test_fill(y, 24, 6);
  for (index = 0; (kind = chainrule_catalog_kind(CHAINRULE_METRICS, index)) != NULL; index++) {
    chainrule_model *same = test_model(CHAINRULE_FLOAT32, 0);
    chainrule_trainer *trainer = NULL;
    static const char *const elsewhere[] = {"balanced_accuracy", "top_k", "precision", "recall", "f1", "fbeta", "jaccard",
                                            "roc_auc", "average_precision", "log_loss", "matthews", "kappa", "rmse", "mape",
                                            "median_error", "max_error", "explained_variance"};
    int labelled = strcmp(kind, "accuracy") == 0, known = 0;
    chainrule_array in = chainrule_matrix(x, 8, 3), out = labelled ? chainrule_labels(labels, 8) : chainrule_matrix(y, 8, 3);
    for (i = 0; i < (int)(sizeof elsewhere / sizeof *elsewhere); i++) known |= strcmp(elsewhere[i], kind) == 0;
    if (known) { /* in metrics.c, against scikit-learn */
      chainrule_model_free(same);
      continue;
    }
    test_add(same, "input", "shape=3");
    test_add(same, "linear", "out_features=3 weight_init=zeros bias_init=zeros");
    {
      float eye[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
      chainrule_array unit = chainrule_matrix(eye, 3, 3);
      REQUIRE_OK(chainrule_model_set_parameter(same, "0.weight", &unit));
    }
    REQUIRE_OK(chainrule_trainer_create(same, labelled ? "cross_entropy" : "mse", "sgd", &trainer));
    REQUIRE_OK(chainrule_trainer_set_metrics(trainer, kind));
    REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, 2, NULL));
    expected = NAN;
    if (labelled) {
      for (i = 0, expected = 0; i < 8; i++) {
        int best = 0;
        for (c = 1; c < 3; c++)
          if (x[i * 3 + c] > x[i * 3 + best]) best = c;
        expected += best == labels[i];
      }
      expected /= 8;
    } else if (strcmp(kind, "mse") == 0) {
      for (i = 0, expected = 0; i < 24; i++) expected += (x[i] - y[i]) * (x[i] - y[i]) / 24.0;
    } else if (strcmp(kind, "mae") == 0) {
      for (i = 0, expected = 0; i < 24; i++) expected += fabs(x[i] - y[i]) / 24.0;
    } else if (strcmp(kind, "r2") == 0) { /* per output, then their mean, as in scikit-learn */
      for (c = 0, expected = 0; c < 3; c++) {
        residual = spread = mean[c] = total[c] = 0;
        for (i = 0; i < 8; i++) mean[c] += y[i * 3 + c] / 8.0;
        for (i = 0; i < 8; i++) {
          residual += (x[i * 3 + c] - y[i * 3 + c]) * (double)(x[i * 3 + c] - y[i * 3 + c]);
          spread += (y[i * 3 + c] - mean[c]) * (y[i * 3 + c] - mean[c]);
        }
        expected += (1 - residual / spread) / 3;
      }
    } else {
      test_fail(__FILE__, __LINE__, "the catalog has a metric \"%s\", and no case computes it again", kind);
    }
    if (!(fabs(values[1] - expected) < 1e-5))
      test_fail(__FILE__, __LINE__, "%s is %.9g, expected %.9g", kind, values[1], expected);
    chainrule_trainer_free(trainer);
    chainrule_model_free(same);
  }
}

int main(void) {
  TEST_MAIN("catalog");
  RUN(optimizers);
  RUN(initializers);
  RUN(whole_initializers);
  RUN(metrics);
  return test_finish();
}
