/*
 * Metrics against scikit-learn: a model that hands its input on is evaluated on the predictions, targets and
 * weights of Tests/Oracle/values_metrics.txt (made by make_metrics.py). And texts that name no metrics.
 */
#include "error_table.h"
#include "support.h"

enum { MOST = 4096, METRICS = 128 };

static double x[MOST], y[MOST], w[MOST], wanted[METRICS], values[METRICS + 1];
static int32_t labels32[MOST];
static int64_t labels64[MOST];

static chainrule_model *identity(int columns) {
  static double eye[64];
  chainrule_model *model = test_model(CHAINRULE_FLOAT64, 0);
  chainrule_array unit = chainrule_matrix_float64(eye, columns, columns);
  char text[80];
  int i;
  memset(eye, 0, sizeof eye);
  for (i = 0; i < columns; i++) eye[i * columns + i] = 1;
  snprintf(text, sizeof text, "shape=%d", columns);
  test_add(model, "input", text);
  snprintf(text, sizeof text, "out_features=%d bias=false", columns);
  test_add(model, "linear", text);
  SUCCEEDS(chainrule_model_set_parameter(model, "0.weight", &unit));
  return model;
}

static int read_numbers(FILE *file, double *list, long count) {
  long i;
  for (i = 0; i < count; i++)
    if (fscanf(file, "%lf", list + i) != 1) return 0;
  return 1;
}

/* Metric `index` of a text, for messages. */
static const char *nth(const char *text, long index) {
  static char part[200];
  const char *word = text;
  long at = -1;
  part[0] = 0;
  while (*word) {
    size_t length = strcspn(word, " ");
    if (memchr(word, '=', length) == NULL) at++;
    if (at == index && strlen(part) + length + 2 < sizeof part) strncat(part, word, length), strcat(part, " ");
    word += length + (word[length] == ' ');
  }
  return part;
}

static void against_scikit_learn(void) {
  FILE *file = fopen("Tests/Oracle/values_metrics.txt", "r");
  static char name[200], loss[200], metrics[16384], kind[16];
  int cases = 0;
  REQUIRE(file != NULL);
  while (fscanf(file, " case %199s loss %199s metrics %16383[^\n]", name, loss, metrics) == 3) {
    long rows, columns, targets, weighted, count, i;
    size_t got = 0;
    chainrule_model *model;
    chainrule_trainer *trainer = NULL;
    chainrule_array in, out, weight;
    REQUIRE(fscanf(file, " sizes %ld %ld %ld %15s %ld %ld", &rows, &columns, &targets, kind, &weighted, &count) == 6);
    REQUIRE(rows > 0 && columns > 0 && columns <= 8 && rows * columns <= MOST && targets <= MOST && count < METRICS);
    REQUIRE(read_numbers(file, x, rows * columns) && read_numbers(file, y, targets));
    REQUIRE(!weighted || read_numbers(file, w, rows));
    REQUIRE(read_numbers(file, wanted, count));
    test_case_part = name;
    for (i = 0; i < targets; i++) labels32[i] = (int32_t)y[i], labels64[i] = (int64_t)y[i];
    in = chainrule_matrix_float64(x, rows, columns);
    weight = chainrule_vector_float64(w, rows);
    if (strcmp(kind, "int32") == 0)
      out = chainrule_labels(labels32, rows);
    else if (strcmp(kind, "int64") == 0)
      out = chainrule_view(labels64, CHAINRULE_INT64, 1, rows, 0, 0, 0);
    else
      out = chainrule_matrix_float64(y, rows, columns);
    model = identity((int)columns);
    REQUIRE_OK(chainrule_trainer_create(model, loss, "sgd", &trainer));
    REQUIRE_OK(chainrule_trainer_set_metrics(trainer, metrics));
    REQUIRE_OK(chainrule_trainer_evaluate(trainer, &in, &out, weighted ? &weight : NULL, values, METRICS + 1, &got));
    CHECK_EQUAL(got, count + 1);
    for (i = 0; i < count; i++) {
      double error = fabs(values[i + 1] - wanted[i]);
      ErrorRow row = error_nothing;
      char metric[60];
      if (isnan(wanted[i]) ? !isnan(values[i + 1]) : !(error <= 1e-12 * fmax(1, fabs(wanted[i]))))
        test_fail(__FILE__, __LINE__, "%s is %.17g, expected %.17g", nth(metrics, i), values[i + 1], wanted[i]);
      if (!isnan(error)) error_meet(&row, ERROR_OUTPUT, error / fmax(1, fabs(wanted[i])));
      snprintf(metric, sizeof metric, "%.*s", (int)strcspn(nth(metrics, i), " "), nth(metrics, i));
      error_note(CHAINRULE_METRICS, metric, &row);
    }
    chainrule_trainer_free(trainer);
    chainrule_model_free(model);
    cases++;
  }
  test_case_part = NULL;
  CHECK_EQUAL(cases, 24);
  fclose(file);
}

static chainrule_trainer *trainer_of(int columns, const char *loss, chainrule_model **model) {
  chainrule_trainer *trainer = NULL;
  *model = identity(columns);
  SUCCEEDS(chainrule_trainer_create(*model, loss, "sgd", &trainer));
  return trainer;
}

static void bad_texts(void) {
  static const char *const attributes[] = {
      "k=5", "accuracyy", "top_k k=0", "top_k k=1.5", "top_k k=", "top_k k", "top_k =5", "top_k k=1 k=2", "top_k n=1",
      "accuracy k=2", "accuracy accuracy", "top_k k=2 top_k k=2", "f1 average=samples", "f1 zero_division=2", "fbeta",
      "fbeta beta=-1", "fbeta beta=nan", "kappa weights=cubic", "roc_auc average=binary", "balanced_accuracy adjusted=1",
      "f1 average=macro, recall", "k=2 top_k"};
  static const char *const binary[] = {"f1", "precision average=binary", "recall", "jaccard", "fbeta beta=1"};
  static const char *const yes[] = {"top_k", "f1", "log_loss", "kappa", "matthews", "balanced_accuracy"};
  chainrule_model *model;
  chainrule_trainer *trainer = trainer_of(3, "cross_entropy", &model);
  size_t i;
  REQUIRE(trainer != NULL);
  for (i = 0; i < sizeof attributes / sizeof *attributes; i++) {
    test_case_part = attributes[i];
    FAILS(CHAINRULE_ATTRIBUTE, chainrule_trainer_set_metrics(trainer, attributes[i]));
  }
  for (i = 0; i < sizeof binary / sizeof *binary; i++) {
    test_case_part = binary[i];
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "average", chainrule_trainer_set_metrics(trainer, binary[i]));
  }
  test_case_part = NULL;
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "  f1\taverage=macro   top_k k=1 top_k k=2 top_k "));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  trainer = trainer_of(3, "bce_with_logits", &model);
  REQUIRE(trainer != NULL);
  for (i = 0; i < sizeof yes / sizeof *yes; i++) {
    test_case_part = yes[i];
    FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "3 columns", chainrule_trainer_set_metrics(trainer, yes[i]));
  }
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Names of series, early stopping on one of them, and a NaN, which is never right. */
static void names_and_stopping(void) {
  static const char *const names[] = {"loss", "accuracy", "top_k_k=1", "top_k_k=2", "log_loss"};
  chainrule_model *model;
  chainrule_trainer *trainer = trainer_of(3, "cross_entropy", &model);
  chainrule_fit_options options = test_fit_options(3, 4);
  chainrule_history *history = NULL;
  chainrule_array in = chainrule_matrix_float64(x, 8, 3), out = chainrule_labels(labels32, 8);
  size_t i, best = 9;
  REQUIRE(trainer != NULL);
  for (i = 0; i < 8; i++) labels32[i] = (int32_t)(i % 3);
  test_fill_float64(x, 24, 3);
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "accuracy top_k k=1 top_k k=2 log_loss"));
  options.monitor = "top_k_k=2";
  REQUIRE_OK(chainrule_trainer_fit(trainer, &in, &out, &options, &history));
  for (i = 0; i < 5; i++) CHECK(strcmp(chainrule_history_name(history, i), names[i]) == 0);
  CHECK(chainrule_history_name(history, 5) == NULL);
  SUCCEEDS(chainrule_history_values(history, "top_k_k=2", values, 3, NULL));
  SUCCEEDS(chainrule_history_best_epoch(history, &best));
  REQUIRE(best < 3);
  for (i = 0; i < 3; i++) CHECK(values[i] <= values[best]);
  chainrule_history_free(history);
  for (i = 0; i < 24; i++) x[i] = NAN;
  SUCCEEDS(chainrule_trainer_set_metrics(trainer, "accuracy top_k k=3 f1 average=macro roc_auc median_error"));
  SUCCEEDS(chainrule_trainer_evaluate(trainer, &in, &out, NULL, values, METRICS, NULL));
  CHECK(values[1] == 0 && values[2] == 0 && values[3] == 0 && isnan(values[4]) && isnan(values[5]));
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
}

/* Three classes: counted by hand. */
static void confusion(void) {
  float scores[15] = {3, 1, 2, 0, 0, -1, 1, 5, 5, -1, -2, -1.5f, 0, 0, 1};
  int64_t actual[5] = {0, 1, 1, 2, 2};
  int32_t predicted[5] = {0, 0, 1, 0, 2}, wrong[5] = {0, 1, 3, 0, 0};
  double weights[5] = {1, 2, 0.5, 4, 8}, bad_weights[5] = {1, 2, -1, 4, 8}, one_hot[15] = {1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1};
  static const double counts[9] = {1, 0, 0, 1, 1, 0, 1, 0, 1}, weighed[9] = {1, 0, 0, 2, 0.5, 0, 4, 0, 8};
  double got[9];
  float narrow[9];
  int i;
  chainrule_array s = chainrule_matrix(scores, 5, 3), a = chainrule_view(actual, CHAINRULE_INT64, 1, 5, 0, 0, 0), p = chainrule_labels(predicted, 5);
  chainrule_array h = chainrule_matrix_float64(one_hot, 5, 3), w = chainrule_vector_float64(weights, 5), m = chainrule_matrix_float64(got, 3, 3);
  chainrule_array other = chainrule_labels(wrong, 5), bad = chainrule_vector_float64(bad_weights, 5), n = chainrule_matrix(narrow, 3, 3);
  chainrule_array odd = chainrule_matrix_float64(got, 1, 9), few = chainrule_labels(predicted, 4), none = chainrule_matrix_float64(got, 0, 0);
  chainrule_array inside = chainrule_matrix(scores, 3, 3);
  REQUIRE_OK(chainrule_confusion_matrix(&s, &a, NULL, &m));
  CHECK(memcmp(got, counts, sizeof got) == 0);
  REQUIRE_OK(chainrule_confusion_matrix(&p, &h, &w, &m));
  CHECK(memcmp(got, weighed, sizeof got) == 0);
  REQUIRE_OK(chainrule_confusion_matrix(&p, &a, &w, &n));
  for (i = 0; i < 9; i++) CHECK(narrow[i] == (float)weighed[i]);
  test_poison(got, sizeof got);
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_confusion_matrix(NULL, &a, NULL, &m));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_confusion_matrix(&s, NULL, NULL, &m));
  FAILS(CHAINRULE_INVALID_ARGUMENT, chainrule_confusion_matrix(&s, &a, NULL, NULL));
  FAILS_SAYING(CHAINRULE_INVALID_ARGUMENT, "overlaps", chainrule_confusion_matrix(&s, &a, NULL, &inside));
  FAILS_SAYING(CHAINRULE_SHAPE, "[classes, classes]", chainrule_confusion_matrix(&s, &a, NULL, &odd));
  FAILS(CHAINRULE_SHAPE, chainrule_confusion_matrix(&s, &a, NULL, &none));
  FAILS_SAYING(CHAINRULE_SHAPE, "5 samples", chainrule_confusion_matrix(&s, &few, NULL, &m));
  FAILS(CHAINRULE_SHAPE, chainrule_confusion_matrix(&w, &a, NULL, &m));
  FAILS(CHAINRULE_SHAPE, chainrule_confusion_matrix(&s, &a, &h, &m));
  FAILS_SAYING(CHAINRULE_VALUE, "0 to 2", chainrule_confusion_matrix(&other, &a, NULL, &m));
  FAILS_SAYING(CHAINRULE_VALUE, "sample_weight", chainrule_confusion_matrix(&s, &a, &bad, &m));
  scores[4] = NAN;
  FAILS_SAYING(CHAINRULE_VALUE, "NaN", chainrule_confusion_matrix(&s, &a, NULL, &m));
  CHECK_UNTOUCHED(got);
}

int main(void) {
  TEST_MAIN("metrics");
  RUN(confusion);
  RUN(against_scikit_learn);
  RUN(bad_texts);
  RUN(names_and_stopping);
  error_print(CHAINRULE_METRICS);
  return test_finish();
}
