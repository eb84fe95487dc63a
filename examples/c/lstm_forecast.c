/*
 * A forecast: carbon dioxide in the air over Mauna Loa, Hawaii, month by month from 1964 to 2001. An LSTM
 * reads three years and says the next twelve months. It learns from the years up to 1991 and is tried on
 * the ten years behind them, against two simple forecasts: what it was a year before (the seasonal-naive
 * one), and that plus the growth of the last year.
 *
 *     lstm_forecast [data folder] [folder for the picture]
 */
#include <math.h>
#include <string.h>

#include "csv.h"
#include "example.h"

enum { YEAR = 0, MONTH = 1, CO2 = 2 }; /* columns of co2.csv */
enum { PAST = 36, AHEAD = 12, FEATURES = 3, LAST_YEAR_TO_LEARN = 1991, EPOCHS = 100 };

/* Windows of the series: what came before a month, and the twelve months from it on. */
typedef struct windows {
  int count;
  int *first; /* row of the first month to forecast */
  float *past, *next;
} windows;

/* The network sees changes, not levels, which it has never met before: from month to month what came, and
   from the last month it knows what is to come. The season is a point on a circle. */
static void fill_window(const csv_table *table, int first, float *past, float *next) {
  int i;
  for (i = 0; i < PAST; i++) {
    int row = first - PAST + i;
    double angle = 2 * 3.14159265358979 * csv_value(table, row, MONTH) / 12;
    past[i * FEATURES] = (float)(csv_value(table, row, CO2) - csv_value(table, row - 1, CO2));
    past[i * FEATURES + 1] = (float)sin(angle);
    past[i * FEATURES + 2] = (float)cos(angle);
  }
  for (i = 0; i < AHEAD; i++) next[i] = (float)(csv_value(table, first + i, CO2) - csv_value(table, first - 1, CO2));
}

/* Those whose twelve months lie before the years held out, or those that begin in them. */
static windows make_windows(const csv_table *table, int held_out) {
  windows set = {0, malloc(sizeof(int) * table->rows), malloc(sizeof(float) * table->rows * PAST * FEATURES),
                 malloc(sizeof(float) * table->rows * AHEAD)};
  int first;
  if (!set.first || !set.past || !set.next) exit(EXIT_FAILURE);
  for (first = PAST + 1; first + AHEAD <= table->rows; first++) {
    int begins_after = csv_value(table, first, YEAR) > LAST_YEAR_TO_LEARN;
    int ends_after = csv_value(table, first + AHEAD - 1, YEAR) > LAST_YEAR_TO_LEARN;
    if (held_out ? !begins_after : ends_after) continue;
    set.first[set.count] = first;
    fill_window(table, first, set.past + set.count * PAST * FEATURES, set.next + set.count * AHEAD);
    set.count++;
  }
  return set;
}

static int32_t show_epoch(void *user, const chainrule_progress *progress) {
  (void)user;
  if (progress->epoch % 20 == 0 || progress->epoch + 1 == progress->epochs)
    printf("epoch %3d of %d   mean squared error %.4f\n", (int)progress->epoch + 1, (int)progress->epochs, progress->values[0]);
  return CHAINRULE_CONTINUE;
}

/* In parts per million: the month before the forecast, and the change since. */
static double level(const csv_table *table, const windows *set, const float *forecast, int window, int month) {
  return csv_value(table, set->first[window] - 1, CO2) + forecast[window * AHEAD + month];
}

static void draw(const char *path, const csv_table *table, const windows *set, const float *forecast) {
  int i, k;
  FILE *plot = picture_open(path, "Carbon dioxide over Mauna Loa: forecasts for a year, and what came");
  if (!plot) return;
  fprintf(plot, "set xlabel 'year'\nset ylabel 'carbon dioxide (parts per million)'\nset key top left Left reverse\n"
                "set xrange [1989:2002]\nset yrange [349:375]\n$came << END\n");
  for (i = 0; i < table->rows; i++)
    fprintf(plot, "%g %g\n", csv_value(table, i, YEAR) + (csv_value(table, i, MONTH) - 0.5) / 12, csv_value(table, i, CO2));
  fprintf(plot, "END\n$forecast << END\n");
  for (i = 0; i < set->count; i++) {
    if (csv_value(table, set->first[i], MONTH) != 1) continue; /* those made on New Year's Day */
    for (k = 0; k < AHEAD; k++)
      fprintf(plot, "%g %g\n", csv_value(table, set->first[i], YEAR) + (k + 0.5) / 12, level(table, set, forecast, i, k));
    fprintf(plot, "\n");
  }
  fprintf(plot, "END\nplot $came with lines lw 3 lc rgb '#88aacc' title 'came', "
                "$forecast with linespoints pt 7 ps 0.6 lw 1.5 lc rgb 'red' title 'forecast on 1 January for the year'\n");
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  const char *data = argc > 1 ? argv[1] : "examples/data", *output = argc > 2 ? argv[2] : "build/demo";
  char path[1024], summary[2048];
  double own[AHEAD] = {0}, naive[AHEAD] = {0}, growing[AHEAD] = {0}, own_mean = 0, naive_mean = 0, growing_mean = 0;
  int i, k;
  chainrule_node lstm;
  chainrule_model *model;
  chainrule_trainer *trainer;

  snprintf(path, sizeof path, "%s/co2.csv", data);
  csv_table table = csv_read(path);
  windows train = make_windows(&table, 0), test = make_windows(&table, 1);
  printf("%d months; %d windows to learn from, %d held out\n", table.rows, train.count, test.count);

  /* An LSTM has three outputs: the states of all months, the last state h_n, and the last cell c_n. */
  MUST(chainrule_model_create(NULL, &model));
  MUST(chainrule_model_add(model, "input", "shape=36,3", NULL));
  MUST(chainrule_model_add(model, "lstm", "hidden_size=24", &lstm));
  chainrule_node last_state = lstm + 1;
  MUST(chainrule_model_add_node(model, "flatten", "", &last_state, 1, NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=12", NULL));
  MUST(chainrule_model_summary(model, summary, sizeof summary, NULL));
  printf("%s\n", summary);

  chainrule_array x = chainrule_view(train.past, CHAINRULE_FLOAT32, 3, train.count, PAST, FEATURES, 0);
  chainrule_array y = chainrule_matrix(train.next, train.count, AHEAD);
  chainrule_array x_test = chainrule_view(test.past, CHAINRULE_FLOAT32, 3, test.count, PAST, FEATURES, 0);
  chainrule_fit_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.epochs = EPOCHS;
  options.batch_size = 16;
  options.shuffle = 1;
  options.on_epoch = show_epoch;
  MUST(chainrule_trainer_create(model, "mse", "adamw lr=0.003 weight_decay=0.05", &trainer));
  MUST(chainrule_trainer_fit(trainer, &x, &y, &options, NULL));

  float *forecast = malloc(sizeof(float) * test.count * AHEAD);
  if (!forecast) return EXIT_FAILURE;
  chainrule_array forecasts = chainrule_matrix(forecast, test.count, AHEAD);
  MUST(chainrule_model_predict(model, &x_test, &forecasts));

  /* Mean absolute errors, by how many months ahead. */
  for (i = 0; i < test.count; i++) {
    double known = csv_value(&table, test.first[i] - 1, CO2), growth = known - csv_value(&table, test.first[i] - 13, CO2);
    for (k = 0; k < AHEAD; k++) {
      double came = csv_value(&table, test.first[i] + k, CO2), before = csv_value(&table, test.first[i] + k - 12, CO2);
      own[k] += fabs(level(&table, &test, forecast, i, k) - came) / test.count;
      naive[k] += fabs(before - came) / test.count;
      growing[k] += fabs(before + growth - came) / test.count;
    }
  }
  printf("mean errors in parts per million\nmonths ahead     lstm   seasonal-naive   with growth\n");
  for (k = 0; k < AHEAD; k++) {
    own_mean += own[k] / AHEAD, naive_mean += naive[k] / AHEAD, growing_mean += growing[k] / AHEAD;
    if (k % 3 == 2 || k == 0) printf("%12d %8.2f %16.2f %13.2f\n", k + 1, own[k], naive[k], growing[k]);
  }
  printf("%12s %8.2f %16.2f %13.2f\n", "all", own_mean, naive_mean, growing_mean);

  snprintf(path, sizeof path, "%s/lstm_forecast.png", output);
  draw(path, &table, &test, forecast);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);
  free(forecast), free(train.first), free(train.past), free(train.next), free(test.first), free(test.past), free(test.next);
  free(table.values);
  return learned(own_mean < 0.4 * naive_mean && own_mean < growing_mean, "a year's forecast, error against the seasonal-naive one",
                 "under 40 %", "%.1f %%", 100 * own_mean / naive_mean);
}
