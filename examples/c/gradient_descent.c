/*
 * Gradient descent on a formula, f(x, y) = (1 - x)^2 + 5 (y - x^2)^2, a curved valley whose lowest
 * point is (1, 1). Any differentiable function is a model: x and y are nodes of kind "parameter".
 *
 *     gradient_descent [folder for the picture]
 */
#include <math.h>

#include "example.h"

#define STEPS 1200

/* Adds the nodes of f; the last one is the model's output. */
static chainrule_model *build_formula(double x0, double y0) {
  chainrule_model_options options = {sizeof options, CHAINRULE_FLOAT64, 0};
  chainrule_model *model;
  chainrule_node x, y, a, b;
  char start[64];

  MUST(chainrule_model_create(&options, &model));
  snprintf(start, sizeof start, "name=x shape= value=%g", x0);
  MUST(chainrule_model_add(model, "parameter", start, &x));
  snprintf(start, sizeof start, "name=y shape= value=%g", y0);
  MUST(chainrule_model_add(model, "parameter", start, &y));

  MUST(chainrule_model_add_node(model, "sub", "value=1", &x, 1, NULL)); /* x - 1 */
  MUST(chainrule_model_add(model, "pow", "value=2", &a));               /* a = (x - 1)^2 */

  MUST(chainrule_model_add_node(model, "pow", "value=2", &x, 1, &b)); /* x^2 */
  chainrule_node y_and_square[2] = {y, b};
  MUST(chainrule_model_add_node(model, "sub", "", y_and_square, 2, NULL)); /* y - x^2 */
  MUST(chainrule_model_add(model, "pow", "value=2", NULL));
  MUST(chainrule_model_add(model, "mul", "value=5", &b)); /* b = 5 (y - x^2)^2 */

  chainrule_node both[2] = {a, b};
  MUST(chainrule_model_add_node(model, "add", "", both, 2, NULL));
  return model;
}

/* The library's gradient at the start beside the one worked out by hand; returns the difference. */
static double compare_gradient(chainrule_model *model, double x, double y) {
  double dx = 0, dy = 0, by_hand_x = -2 * (1 - x) - 20 * x * (y - x * x), by_hand_y = 10 * (y - x * x);
  chainrule_array dx_view = chainrule_view(&dx, CHAINRULE_FLOAT64, 0, 0, 0, 0, 0);
  chainrule_array dy_view = chainrule_view(&dy, CHAINRULE_FLOAT64, 0, 0, 0, 0, 0);
  chainrule_context *context;

  MUST(chainrule_context_create(model, &context));
  MUST(chainrule_context_forward(context, NULL, 1));
  MUST(chainrule_context_backward(context, NULL));
  MUST(chainrule_context_gradient(context, "x", &dx_view));
  MUST(chainrule_context_gradient(context, "y", &dy_view));
  chainrule_context_free(context);

  printf("gradient at (%g, %g)   library (%.6f, %.6f)   by hand (%.6f, %.6f)\n", x, y, dx, dy, by_hand_x, by_hand_y);
  return fabs(dx - by_hand_x) + fabs(dy - by_hand_y);
}

static void draw(const char *path, double points[][2], int count) {
  int i;
  FILE *plot = picture_open(path, "Gradient descent on f(x, y) = (1 - x)^2 + 5 (y - x^2)^2");
  if (!plot) return;
  /* The contour lines go through a file of gnuplot's own, so that they and the path share one plot. */
  fprintf(plot, "f(x,y) = (1-x)**2 + 5*(y-x*x)**2\nset contour base\nset cntrparam levels discrete "
                "0.05,0.3,1,3,7,15,30,50\nunset surface\nset samples 400\nset isosamples 400\nset xrange [-1.8:1.8]\n"
                "set yrange [-0.8:2.6]\nset table $lines\nsplot f(x,y)\nunset table\nset surface\n"
                "set xlabel 'x'\nset ylabel 'y'\nset key bottom left Left reverse\n$path << END\n");
  for (i = 0; i < count; i++) fprintf(plot, "%.9g %.9g\n", points[i][0], points[i][1]);
  fprintf(plot, "END\nplot $lines using 1:2 with lines lc rgb '#7090b0' title 'f = 0.05, 0.3, 1, 3, 7, 15, 30, 50', "
                "$path using 1:2 with linespoints pt 7 ps 0.5 lw 2 lc rgb '#cc2222' title '%d steps', "
                "$path every ::0::0 using 1:2 with points pt 7 ps 1.8 lc rgb '#222222' title 'start', "
                "'+' using (1):(1) every ::0::0 with points pt 3 ps 2.5 lw 2 lc rgb '#117733' title 'minimum (1, 1)'\n",
          count - 1);
  picture_close(plot, path);
}

int main(int argc, char **argv) {
  static double path[STEPS + 1][2];
  double difference, value = 0, error;
  char picture[1024];
  chainrule_trainer *trainer;
  chainrule_model *model = build_formula(-1.2, 2.2);
  chainrule_array x = chainrule_view(NULL, CHAINRULE_FLOAT64, 0, 0, 0, 0, 0), y = x;
  int step;

  difference = compare_gradient(model, -1.2, 2.2);

  MUST(chainrule_trainer_create(model, "none", "sgd lr=0.02", &trainer)); /* minimise the output itself */
  for (step = 0; step <= STEPS; step++) {
    x.data = &path[step][0];
    y.data = &path[step][1];
    MUST(chainrule_model_get_parameter(model, "x", &x));
    MUST(chainrule_model_get_parameter(model, "y", &y));
    if (step == STEPS) break;
    MUST(chainrule_trainer_step(trainer, NULL, NULL, NULL, &value));
    if (step % 200 == 0) printf("step %4d   x %8.5f   y %8.5f   f %.3e\n", step, path[step][0], path[step][1], value);
  }
  printf("step %4d   x %8.5f   y %8.5f\n", STEPS, path[STEPS][0], path[STEPS][1]);

  snprintf(picture, sizeof picture, "%s/gradient_descent.png", argc > 1 ? argv[1] : "build/demo");
  draw(picture, path, STEPS + 1);
  chainrule_trainer_free(trainer);
  chainrule_model_free(model);

  error = hypot(path[STEPS][0] - 1, path[STEPS][1] - 1);
  return learned(error < 1e-3 && difference < 1e-9, "distance from the minimum (1, 1)", "under 0.001", "%.1e", error);
}
