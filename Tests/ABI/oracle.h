/* Reads the cases of Tests/Oracle/values (its make_oracle.py describes the format). */
#ifndef CHAINRULE_TEST_ORACLE_H
#define CHAINRULE_TEST_ORACLE_H

#include "error_table.h"
#include "support.h"

enum { ORACLE_MOST = 48, ORACLE_FEW = 4 };

typedef struct {
  char name[120];
  int rank;
  int64_t shape[8];
  size_t count;
  double *values;
  double error; /* PyTorch's own in float32; for what is expected */
  int whole;    /* an input of whole numbers */
} OracleTensor;

typedef struct {
  char name[300];
  char nodes[ORACLE_MOST][3][400]; /* kind, inputs, attributes */
  int node_count;
  chainrule_node outputs[ORACLE_MOST];
  int output_count;
  OracleTensor inputs[ORACLE_MOST], parameters[ORACLE_MOST], buffers[ORACLE_MOST], seeds[ORACLE_MOST], expected[3 * ORACLE_MOST];
  char expected_kind[3 * ORACLE_MOST][12];
  int input_count, parameter_count, buffer_count, seed_count, expected_count, kinks, training_only;
  char loss[160], optimizer[300], target_kinds[ORACLE_FEW][8];
  OracleTensor predictions[ORACLE_FEW], targets[ORACLE_FEW], weight;
  int prediction_count, target_count, has_weight, steps;
} OracleCase;

static inline char *oracle_word(char **cursor) {
  char *word = *cursor + strspn(*cursor, " ");
  size_t length = strcspn(word, " ");
  *cursor = word + length + (word[length] != 0);
  word[length] = 0;
  return word;
}

/* What goes in are float32 numbers, written with nine digits; what comes out are float64 numbers. */
static inline OracleTensor oracle_tensor(char *cursor, const char *name, int given) {
  OracleTensor tensor;
  size_t i;
  memset(&tensor, 0, sizeof tensor);
  snprintf(tensor.name, sizeof tensor.name, "%s", name);
  tensor.rank = (int)strtol(cursor, &cursor, 10);
  tensor.count = 1;
  for (i = 0; (int)i < tensor.rank; i++) {
    tensor.shape[i] = strtoll(cursor, &cursor, 10);
    tensor.count *= (size_t)tensor.shape[i];
  }
  tensor.values = (double *)malloc((tensor.count + 1) * sizeof(double));
  for (i = 0; i < tensor.count; i++) {
    double value = strtod(cursor, &cursor);
    tensor.values[i] = given ? (double)(float)value : value;
  }
  return tensor;
}

static inline void oracle_free(OracleCase *c) {
  int i;
  for (i = 0; i < c->input_count; i++) free(c->inputs[i].values);
  for (i = 0; i < c->parameter_count; i++) free(c->parameters[i].values);
  for (i = 0; i < c->buffer_count; i++) free(c->buffers[i].values);
  for (i = 0; i < c->seed_count; i++) free(c->seeds[i].values);
  for (i = 0; i < c->expected_count; i++) free(c->expected[i].values);
  for (i = 0; i < c->prediction_count; i++) free(c->predictions[i].values);
  for (i = 0; i < c->target_count; i++) free(c->targets[i].values);
  free(c->weight.values);
}

/* The next case of the file, to be given back with oracle_free; 0 at its end. */
static inline int oracle_read(FILE *file, OracleCase *c) {
  static char line[1 << 23];
  memset(c, 0, sizeof *c);
  while (fgets(line, sizeof line, file) != NULL) {
    char *cursor = line, *verb;
    line[strcspn(line, "\n")] = 0;
    if (line[0] == '#') continue;
    verb = oracle_word(&cursor);
    if (strcmp(verb, "end") == 0) return 1;
    if (strcmp(verb, "case") == 0) snprintf(c->name, sizeof c->name, "%s", cursor);
    else if (strcmp(verb, "loss") == 0) snprintf(c->loss, sizeof c->loss, "%s", cursor);
    else if (strcmp(verb, "optimizer") == 0) snprintf(c->optimizer, sizeof c->optimizer, "%s", cursor);
    else if (strcmp(verb, "steps") == 0) c->steps = atoi(cursor);
    else if (strcmp(verb, "add") == 0) {
      int node = c->node_count++;
      snprintf(c->nodes[node][0], sizeof c->nodes[node][0], "%s", oracle_word(&cursor));
      snprintf(c->nodes[node][1], sizeof c->nodes[node][1], "%s", oracle_word(&cursor));
      snprintf(c->nodes[node][2], sizeof c->nodes[node][2], "%s", cursor);
    } else if (strcmp(verb, "outputs") == 0) {
      do c->outputs[c->output_count++] = (chainrule_node)strtol(cursor, &cursor, 10);
      while (*cursor++ == ',');
    } else if (strcmp(verb, "input") == 0) c->inputs[c->input_count++] = oracle_tensor(cursor, "", 1);
    else if (strcmp(verb, "indices") == 0) {
      c->inputs[c->input_count] = oracle_tensor(cursor, "", 0);
      c->inputs[c->input_count++].whole = 1;
    } else if (strcmp(verb, "kinks") == 0) c->kinks = 1;
    else if (strcmp(verb, "training") == 0) c->training_only = 1;
    else if (strcmp(verb, "seed") == 0) c->seeds[c->seed_count++] = oracle_tensor(cursor, "", 1);
    else if (strcmp(verb, "prediction") == 0) c->predictions[c->prediction_count++] = oracle_tensor(cursor, "", 1);
    else if (strcmp(verb, "parameter") == 0) {
      char *name = oracle_word(&cursor);
      c->parameters[c->parameter_count++] = oracle_tensor(cursor, name, 1);
    } else if (strcmp(verb, "buffer") == 0) {
      char *name = oracle_word(&cursor);
      c->buffers[c->buffer_count++] = oracle_tensor(cursor, name, 1);
    } else if (strcmp(verb, "target") == 0) {
      snprintf(c->target_kinds[c->target_count], sizeof c->target_kinds[0], "%s", oracle_word(&cursor));
      c->targets[c->target_count++] = oracle_tensor(cursor, "", 1);
    } else if (strcmp(verb, "weight") == 0) {
      c->weight = oracle_tensor(cursor, "", 1);
      c->has_weight = 1;
    } else if (strcmp(verb, "expect") == 0) {
      char *name;
      double error;
      int index = c->expected_count++;
      snprintf(c->expected_kind[index], sizeof c->expected_kind[index], "%s", oracle_word(&cursor));
      name = oracle_word(&cursor);
      error = strtod(oracle_word(&cursor), NULL);
      c->expected[index] = oracle_tensor(cursor, name, 0);
      c->expected[index].error = error;
    }
  }
  return 0;
}

/* The tensor as an array of this type, in memory of its own. "int32" and "int64" for labels. */
static inline chainrule_array oracle_array(const OracleTensor *tensor, chainrule_dtype dtype) {
  chainrule_array array = chainrule_view(NULL, dtype, tensor->rank, 0, 0, 0, 0);
  size_t size = dtype == CHAINRULE_FLOAT64 || dtype == CHAINRULE_INT64 ? 8 : 4, i;
  char *memory = (char *)malloc(tensor->count * size + 1);
  for (i = 0; i < 8; i++) array.shape[i] = tensor->shape[i];
  for (i = 0; i < tensor->count; i++) {
    double value = tensor->values[i];
    float narrow = (float)value;
    int32_t label = dtype == CHAINRULE_INT32 ? (int32_t)value : 0;
    int64_t long_label = dtype == CHAINRULE_INT64 ? (int64_t)value : 0;
    const void *from = dtype == CHAINRULE_FLOAT64 ? (const void *)&value
                       : dtype == CHAINRULE_INT64 ? (const void *)&long_label
                       : dtype == CHAINRULE_INT32 ? (const void *)&label
                                                  : (const void *)&narrow;
    memcpy(memory + i * size, from, size);
  }
  array.data = memory;
  return array;
}

static inline double oracle_number(const chainrule_array *array, size_t index) {
  switch (array->dtype) {
    case CHAINRULE_FLOAT64: return ((const double *)array->data)[index];
    case CHAINRULE_INT64: return (double)((const int64_t *)array->data)[index];
    case CHAINRULE_INT32: return (double)((const int32_t *)array->data)[index];
    default: return (double)((const float *)array->data)[index];
  }
}

/* float64: 1e-10 relative (numbers a thousand times smaller than the tensor's largest count as that
   large). float32: four times PyTorch's own error, and two roundings of the largest number. */
static ErrorRow oracle_errors; /* of the case */

static inline void oracle_compare(const OracleTensor *expected, const chainrule_array *got, const char *what) {
  const int narrow = got->dtype == CHAINRULE_FLOAT32;
  const int column = narrow ? ERROR_FLOAT32 : strstr(what, "gradient") ? ERROR_GRADIENT : ERROR_OUTPUT;
  double largest = 0, worst = 0, worst_allowed = 0;
  size_t i, at = 0;
  int bad = 0;
  for (i = 0; i < expected->count; i++)
    if (isfinite(expected->values[i])) largest = fmax(largest, fabs(expected->values[i]));
  for (i = 0; i < expected->count; i++) {
    double number = oracle_number(got, i), wanted = expected->values[i], allowed;
    if (isnan(wanted) && isnan(number)) continue;
    if (isinf(wanted) && number == wanted) continue;
    if (narrow) allowed = 4 * expected->error + 2 * 1.2e-7 * largest + 1e-44;
    else allowed = 1e-10 * fmax(fabs(wanted), 1e-3 * largest) + 1e-300;
    /* In float32, multiples of PyTorch's own error, or of one rounding of the largest number if that is larger. */
    error_meet(&oracle_errors, column,
               fabs(number - wanted) / (narrow ? fmax(expected->error, 6e-8 * largest) + 1e-44 : fmax(fabs(wanted), 1e-3 * largest) + 1e-300));
    if (!(fabs(number - wanted) <= allowed)) {
      bad++;
      if (!(fabs(number - wanted) <= worst)) worst = fabs(number - wanted), worst_allowed = allowed, at = i;
    }
  }
  if (bad)
    test_fail(__FILE__, __LINE__, "%s %s[%zu] in %s is %.17g, PyTorch says %.17g (off by %g, allowed %g; %d of %zu are off)",
              what, expected->name, at, got->dtype == CHAINRULE_FLOAT64 ? "float64" : "float32", oracle_number(got, at),
              expected->values[at], worst, worst_allowed, bad, expected->count);
}

#endif
