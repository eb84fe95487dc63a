/*
 * Linear regression, every step of the training spelled out: how does the disease progress, given the
 * body-mass index, in 442 patients? One neuron learns the straight line, and is compared with the
 * closed-form solution of least squares.
 *
 *     linear_regression [data folder] [folder for the picture]
 */
#include <math.h>

#include "csv.h"
#include "example.h"

#define EPOCHS 200
enum { BMI = 2, PROGRESSION = 10 }; /* columns of diabetes.csv */

/* The line that gradient descent must find: slope = covariance / variance. */
static void least_squares(const double *x, const double *y, int count, double *slope, double *intercept) {
  double mean_x = 0, mean_y = 0, covariance = 0, variance = 0;
  int i;
  for (i = 0; i < count; i++) mean_x += x[i] / count, mean_y += y[i] / count;
  for (i = 0; i < count; i++) {
    covariance += (x[i] - mean_x) * (y[i] - mean_y);
    variance += (x[i] - mean_x) * (x[i] - mean_x);
  }
  *slope = covariance / variance;
  *intercept = mean_y - *slope * mean_x;
}

static void draw(const char *path, const double *x, const double *y, int count, double slope, double intercept) {
  int i;
  FILE *plot = picture_open(path, "Body-mass index and disease progression in 442 patients");
  if (!plot) return;
  fprintf(plot, "set xlabel 'body-mass index (kg/m^2)'\nset ylabel 'disease progression after one year (score)'\n"
                "set key top left Left reverse\nset xrange [17:43]\nset yrange [0:360]\n$points << END\n");
  for (i = 0; i < count; i++) fprintf(plot, "%g %g\n", x[i], y[i]);
  fprintf(plot, "END\nplot $points with points pt 7 ps 0.8 lc rgb '#804477aa' title 'patients', "
                "%.9g + %.9g*x with lines lw 3 lc rgb 'red' title 'learned: progression = %.2f bmi - %.1f'\n",
          intercept, slope, slope, -intercept);
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  char path[1024];
  double mean = 0, deviation = 0, loss, slope, intercept, exact_slope, exact_intercept, error;
  int i, epoch, count;
  csv_table table;

  snprintf(path, sizeof path, "%s/diabetes.csv", argc > 1 ? argv[1] : "examples/data");
  table = csv_read(path);
  count = table.rows;
  double *bmi = malloc(sizeof(double) * count), *input = malloc(sizeof(double) * count);
  double *target = malloc(sizeof(double) * count), *prediction = malloc(sizeof(double) * count);
  double *gradient = malloc(sizeof(double) * count);
  if (!bmi || !input || !target || !prediction || !gradient) return EXIT_FAILURE;

  /* Gradient descent is at its best when an input has mean 0 and standard deviation 1. */
  for (i = 0; i < count; i++) {
    bmi[i] = csv_value(&table, i, BMI);
    target[i] = csv_value(&table, i, PROGRESSION);
    mean += bmi[i] / count;
  }
  for (i = 0; i < count; i++) deviation += (bmi[i] - mean) * (bmi[i] - mean) / count;
  deviation = sqrt(deviation);
  for (i = 0; i < count; i++) input[i] = (bmi[i] - mean) / deviation;

  /* prediction = weight * input + bias */
  chainrule_model_options options = {sizeof options, CHAINRULE_FLOAT64, 0};
  chainrule_model *model;
  chainrule_context *context;
  chainrule_loss *mean_squared_error;
  chainrule_optimizer *optimizer;
  MUST(chainrule_model_create(&options, &model));
  MUST(chainrule_model_add(model, "input", "shape=1", NULL));
  MUST(chainrule_model_add(model, "linear", "out_features=1 weight_init=zeros bias_init=zeros", NULL));
  MUST(chainrule_context_create(model, &context));
  MUST(chainrule_loss_create("mse", &mean_squared_error));
  MUST(chainrule_optimizer_create("sgd lr=0.1", &optimizer));

  chainrule_array x = chainrule_matrix_float64(input, count, 1), y = chainrule_matrix_float64(target, count, 1);
  chainrule_array y_hat = chainrule_matrix_float64(prediction, count, 1);
  chainrule_array dy = chainrule_matrix_float64(gradient, count, 1);
  for (epoch = 0; epoch < EPOCHS; epoch++) {
    MUST(chainrule_context_forward(context, &x, 1));                                        /* predict */
    MUST(chainrule_context_output(context, 0, &y_hat));
    MUST(chainrule_loss_evaluate(mean_squared_error, &y_hat, &y, NULL, &loss, &dy));        /* how wrong? */
    MUST(chainrule_context_zero_gradients(context));
    MUST(chainrule_context_backward(context, &dy));                                         /* whose fault? */
    MUST(chainrule_optimizer_step(optimizer, context));                                     /* improve */
    if (epoch < 5 || (epoch + 1) % 50 == 0) printf("epoch %3d   mean squared error %10.3f\n", epoch + 1, loss);
  }

  double weight = 0, bias = 0;
  chainrule_array weight_view = chainrule_matrix_float64(&weight, 1, 1);
  chainrule_array bias_view = chainrule_vector_float64(&bias, 1);
  MUST(chainrule_model_get_parameter(model, "0.weight", &weight_view));
  MUST(chainrule_model_get_parameter(model, "0.bias", &bias_view));
  slope = weight / deviation; /* back to kg/m^2 */
  intercept = bias - slope * mean;
  least_squares(bmi, target, count, &exact_slope, &exact_intercept);
  printf("learned         progression = %.6f * bmi %+.6f\n", slope, intercept);
  printf("least squares   progression = %.6f * bmi %+.6f\n", exact_slope, exact_intercept);

  snprintf(path, sizeof path, "%s/linear_regression.png", argc > 2 ? argv[2] : "build/demo");
  draw(path, bmi, target, count, slope, intercept);

  chainrule_optimizer_free(optimizer);
  chainrule_loss_free(mean_squared_error);
  chainrule_context_free(context);
  chainrule_model_free(model);
  free(gradient), free(prediction), free(target), free(input), free(bmi), free(table.values);

  error = fmax(fabs(slope - exact_slope), fabs(intercept - exact_intercept));
  return learned(error < 1e-4, "slope and intercept against least squares", "within 0.0001", "%.1e", error);
}
