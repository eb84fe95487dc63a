/* The networks of the oracle's cases, trained: every layer and operation of the catalog is in one. */
#ifndef CHAINRULE_TEST_ORACLE_NETWORKS_H
#define CHAINRULE_TEST_ORACLE_NETWORKS_H

#include <dirent.h>

#include "oracle.h"

/* The file that the test is at. */
static FILE *oracle_file;

/* Runs the test once for each file of values in a folder; it reads `oracle_file`. */
static inline void oracle_run_files(const char *folder, void (*cases_of_file)(void)) {
  DIR *files = opendir(folder);
  struct dirent *entry;
  while (files != NULL && (entry = readdir(files)) != NULL) {
    char path[600];
    if (strstr(entry->d_name, ".txt") == NULL) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    oracle_file = fopen(path, "r");
    if (oracle_file == NULL) continue;
    test_run(entry->d_name, cases_of_file);
    fclose(oracle_file);
  }
  if (files != NULL) closedir(files);
}

/* Adds the node; a real input is multiplied by a parameter of 1, so that gradients go all the way, unless plain. */
static inline chainrule_node oracle_add(chainrule_model *model, const char *kind, const char *attributes,
                                        const chainrule_node *sources, size_t count, int plain) {
  chainrule_node pair[2], product = -1;
  char factor[60];
  if (!SUCCEEDS(chainrule_model_add_node(model, kind, attributes, count ? sources : NULL, count, &pair[0]))) return -1;
  if (strcmp(kind, "input") != 0 || plain) return pair[0];
  snprintf(factor, sizeof factor, "shape= value=1 name=factor_of_%d", (int)pair[0]);
  SUCCEEDS(chainrule_model_add(model, "parameter", factor, &pair[1]));
  SUCCEEDS(chainrule_model_add_node(model, "mul", "", pair, 2, &product));
  return product;
}

static inline int oracle_outputs_of(const char *kind) {
  chainrule_entry_info info;
  const char *text;
  int count = 1;
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  SUCCEEDS(chainrule_catalog_entry(CHAINRULE_LAYERS, kind, &info));
  for (text = info.outputs; *text; text++) count += *text == ',';
  return count;
}

/* The network of a case, and the numbers of its outputs. */
static inline chainrule_model *oracle_network(OracleCase *current, chainrule_node *outputs, int *output_count) {
  chainrule_model *model = test_model(CHAINRULE_FLOAT32, 0);
  chainrule_node numbers[4 * ORACLE_MOST], last = 0;
  int i, k, node = 0, inputs = 0;
  for (i = 0; i < current->node_count; i++) {
    chainrule_node sources[ORACLE_MOST];
    size_t count = 0;
    char *cursor = current->nodes[i][1];
    int is_input = strcmp(current->nodes[i][0], "input") == 0;
    if (*cursor != '-')
      do sources[count++] = numbers[strtol(cursor, &cursor, 10)];
      while (*cursor++ == ',');
    last = oracle_add(model, current->nodes[i][0], current->nodes[i][2], sources, count,
                      is_input && (current->optimizer[0] || current->inputs[inputs].whole));
    inputs += is_input;
    k = oracle_outputs_of(current->nodes[i][0]);
    while (k-- > 0) numbers[node++] = last++;
  }
  *output_count = current->output_count;
  for (i = 0; i < current->output_count; i++) outputs[i] = numbers[current->outputs[i]];
  if (*output_count == 0) outputs[(*output_count)++] = numbers[node - 1];
  return model;
}

/* What "none" minimises: the sum of the outputs that are real, or of a function of each. 0 if there are none. */
static inline int oracle_minimise(chainrule_model *model, const chainrule_node *outputs, int count,
                                  const char *const *functions, int depth) {
  chainrule_node pair[2], total = -1;
  chainrule_tensor_info info;
  int i, k;
  SUCCEEDS(chainrule_model_set_outputs(model, outputs, (size_t)count));
  memset(&info, 0, sizeof info);
  info.struct_size = sizeof info;
  for (i = 0; i < count; i++) {
    SUCCEEDS(chainrule_model_output_info(model, (size_t)i, &info));
    if (info.dtype != CHAINRULE_FLOAT32) continue;
    pair[0] = outputs[i];
    for (k = 0; k < depth; k++) SUCCEEDS(chainrule_model_add_node(model, functions[k], "", &pair[0], 1, &pair[0]));
    SUCCEEDS(chainrule_model_add_node(model, "sum", "", &pair[0], 1, &pair[0]));
    pair[1] = total;
    if (total < 0) total = pair[0];
    else SUCCEEDS(chainrule_model_add_node(model, "add", "", pair, 2, &total));
  }
  if (total >= 0) SUCCEEDS(chainrule_model_set_outputs(model, &total, 1));
  return total >= 0;
}

#endif
