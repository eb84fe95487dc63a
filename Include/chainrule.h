/*
 * Chainrule: neural networks inside your program.
 *
 * This header is the manual of the C interface. It is valid C99 and C++11.
 *
 *     cc program.c $(pkg-config --cflags --libs chainrule)
 *
 * RULES THAT HOLD EVERYWHERE
 *
 * Errors.  Every function that can fail returns a chainrule_status; CHAINRULE_OK is 0. On failure
 *   no output is touched, the handles stay usable, and chainrule_last_error() tells what was
 *   expected and what came. The library never exits, aborts or prints.
 * Handles.  Made by ..._create or ..._load, given back with ..._free, which accepts NULL. A trainer,
 *   context or optimizer keeps its model alive: the order of freeing does not matter.
 * Arrays.  A chainrule_array is a view of the caller's memory, borrowed for the call only (unless a
 *   function says otherwise). Results are written into arrays of the caller.
 * Types.  A model computes in float32 or float64. Real arrays may be either; one that is contiguous
 *   and of the model's type is used in place, others are converted batch by batch.
 * Batch.  The first dimension of every array that belongs to an input or output is the batch. Inputs
 *   declared "batched=false" are whole; then nothing has a batch dimension.
 * Options.  Option structs begin with struct_size = sizeof(the struct). All other fields zero means
 *   the defaults; so does a NULL pointer to the struct.
 * Text.  Strings are UTF-8 and end with a zero byte. Attributes are "name=value name=value": numbers,
 *   true/false, words, and lists with commas ("shape=3,28,28").
 * Threads.  Functions may be called from any thread. Two that only read a handle may run at once
 *   (chainrule_model_predict, for example). A handle in use by a call that changes it answers
 *   CHAINRULE_BUSY at once. After fork() the child may use the library, but no handle that another
 *   thread was using at that moment; and no thread should be in its first calls then.
 * Reproducibility.  The same seed gives the same bits at any number of threads and on AVX2 and
 *   AVX-512 alike.
 */
#ifndef CHAINRULE_H
#define CHAINRULE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CHAINRULE_VERSION_MAJOR 0
#define CHAINRULE_VERSION_MINOR 1
#define CHAINRULE_VERSION_PATCH 0

/* The largest number of dimensions of an array. */
#define CHAINRULE_MAX_RANK 8

/* ------------------------------------------------------------------ status and errors ---- */

/* The numbers are pinned: they never change their meaning. */
typedef enum chainrule_status {
  CHAINRULE_OK = 0,
  CHAINRULE_INVALID_ARGUMENT = 1, /* NULL, a wrong struct_size, a number out of its range */
  CHAINRULE_SHAPE = 2,            /* a rank or size that does not fit, sizes that overflow */
  CHAINRULE_DTYPE = 3,            /* an element type that does not fit */
  CHAINRULE_ATTRIBUTE = 4,        /* unknown kind or attribute, malformed text, ill-typed value */
  CHAINRULE_STATE = 5,            /* not now: backward before forward, adding to a model in use */
  CHAINRULE_NOT_FOUND = 6,        /* no parameter, metric or series of this name or index */
  CHAINRULE_VALUE = 7,            /* bad data: a label out of range, a negative weight */
  CHAINRULE_NON_FINITE = 8,       /* NaN or infinity in training; the weights are as before */
  CHAINRULE_IO = 9,               /* the operating system refused a file */
  CHAINRULE_FORMAT = 10,          /* a file is truncated, damaged or of another format */
  CHAINRULE_OUT_OF_MEMORY = 11,
  CHAINRULE_CANCELLED = 12, /* chainrule_trainer_cancel was called */
  CHAINRULE_BUSY = 13,      /* another call is changing this handle */
  CHAINRULE_CALLBACK = 14,  /* a callback answered CHAINRULE_FAIL */
  CHAINRULE_INTERNAL = 15   /* a defect of the library */
} chainrule_status;

typedef struct chainrule_error {
  chainrule_status status; /* of this thread's last failed call; CHAINRULE_OK if none failed */
  const char *message;     /* a whole sentence: function, argument, expected, got */
  const char *node;        /* the layer concerned, "" if none */
  const char *expected;    /* "" if it does not apply */
  const char *got;
} chainrule_error;

/* This thread's last failure. Valid until the thread's next failure; never NULL. */
const chainrule_error *chainrule_last_error(void);

/* "CHAINRULE_SHAPE" for 2, and so on; "unknown status" for other numbers. */
const char *chainrule_status_name(chainrule_status status);

/* ------------------------------------------------------------------------- the library ---- */

/* "0.1.0" */
const char *chainrule_version(void);

/* The instructions in use: "baseline", "avx2" or "avx512". The environment variable
   CHAINRULE_CPU=baseline|avx2 forces a lower level, avx512 leaves AVX-512 BF16 unused. */
const char *chainrule_cpu_level(void);

/* How many threads a call may use, 1 to 256; the default is the environment variable
   CHAINRULE_THREADS, or else the number of CPUs this process may run on. Small work stays on the
   calling thread. Results do not depend on it. */
chainrule_status chainrule_set_num_threads(int32_t count);
int32_t chainrule_get_num_threads(void);

typedef enum chainrule_group {
  CHAINRULE_LAYERS = 0, /* layers and operations: the kinds of chainrule_model_add */
  CHAINRULE_LOSSES = 1,
  CHAINRULE_OPTIMIZERS = 2,
  CHAINRULE_METRICS = 3,
  CHAINRULE_INITIALIZERS = 4,
  CHAINRULE_SCHEDULES = 5
} chainrule_group;

/* The catalog: the index-th kind of a group, NULL past the end. */
const char *chainrule_catalog_kind(chainrule_group group, size_t index);

/* One line of text: "linear: out_features=<integer> bias=<true|false, default true> ...". Text
   functions write at most capacity bytes, always ending in a zero byte, and set *length (may be
   NULL) to the length of the whole text without it; buffer may be NULL if capacity is 0. */
chainrule_status chainrule_catalog_describe(chainrule_group group, const char *kind, char *buffer,
                                            size_t capacity, size_t *length);

/* What an entry of the catalog is. The texts live as long as the process. */
typedef struct chainrule_entry_info {
  size_t struct_size;
  const char *class_name;    /* its class in Python, PyTorch's name; "" for an operation, a function there */
  const char *documentation; /* one sentence: the formula and where it comes from */
  const char *inputs;        /* what they are, in order: "input,h_0,c_0"; "" for any number of equals */
  const char *outputs;       /* what they are; each is a node */
  int32_t least_inputs, most_inputs; /* INT32_MAX: any number */
  int32_t keeps_shape;               /* 1: the output always has the first input's shape */
  size_t attribute_count, parameter_count;
  int32_t registered; /* 1: by the host program; such kinds come behind the library's own */
} chainrule_entry_info;

typedef struct chainrule_attribute_info {
  size_t struct_size;
  const char *name;
  const char *type;         /* integer, number, boolean, integers, numbers, word, text */
  const char *default_text; /* as it would be written; NULL: none */
  int32_t required;         /* 1: must be given */
  double minimum, maximum;  /* of integers and numbers; infinite: no limit */
  const char *words;        /* what a word may be: "mean|sum" */
  const char *documentation;
} chainrule_attribute_info;

chainrule_status chainrule_catalog_entry(chainrule_group group, const char *kind, chainrule_entry_info *info);

/* The index-th attribute, in the order of PyTorch's arguments; CHAINRULE_NOT_FOUND past the end. */
chainrule_status chainrule_catalog_attribute(chainrule_group group, const char *kind, size_t index,
                                             chainrule_attribute_info *info);

/* The index-th parameter of a layer: its name and its shape in words. */
chainrule_status chainrule_catalog_parameter(const char *kind, size_t index, const char **name, const char **shape);

/* ------------------------------------------------------------------------------ arrays ---- */

typedef enum chainrule_dtype {
  CHAINRULE_FLOAT32 = 1,
  CHAINRULE_FLOAT64 = 2,
  CHAINRULE_INT32 = 3, /* labels */
  CHAINRULE_INT64 = 4
} chainrule_dtype;

typedef struct chainrule_array {
  void *data;            /* may be NULL only if some dimension is 0 */
  chainrule_dtype dtype; /* of the elements */
  int32_t rank;          /* 0 (one number) to CHAINRULE_MAX_RANK */
  int64_t shape[CHAINRULE_MAX_RANK];
  int32_t strided;                     /* 0: contiguous in C order, and strides are not read */
  int64_t strides[CHAINRULE_MAX_RANK]; /* bytes from one element to the next in each dimension */
} chainrule_array;

/* Contiguous views; the sizes beyond the rank are ignored. */
static inline chainrule_array chainrule_view(const void *data, chainrule_dtype dtype, int32_t rank, int64_t size0,
                                             int64_t size1, int64_t size2, int64_t size3) {
  chainrule_array array;
  int i;
  array.data = (void *)(uintptr_t)data;
  array.dtype = dtype;
  array.rank = rank;
  array.strided = 0;
  for (i = 0; i < CHAINRULE_MAX_RANK; i++) array.shape[i] = array.strides[i] = 0;
  array.shape[0] = size0;
  array.shape[1] = size1;
  array.shape[2] = size2;
  array.shape[3] = size3;
  return array;
}
static inline chainrule_array chainrule_vector(const float *data, int64_t count) {
  return chainrule_view(data, CHAINRULE_FLOAT32, 1, count, 0, 0, 0);
}
static inline chainrule_array chainrule_matrix(const float *data, int64_t rows, int64_t columns) {
  return chainrule_view(data, CHAINRULE_FLOAT32, 2, rows, columns, 0, 0);
}
static inline chainrule_array chainrule_vector_float64(const double *data, int64_t count) {
  return chainrule_view(data, CHAINRULE_FLOAT64, 1, count, 0, 0, 0);
}
static inline chainrule_array chainrule_matrix_float64(const double *data, int64_t rows, int64_t columns) {
  return chainrule_view(data, CHAINRULE_FLOAT64, 2, rows, columns, 0, 0);
}
static inline chainrule_array chainrule_labels(const int32_t *data, int64_t count) {
  return chainrule_view(data, CHAINRULE_INT32, 1, count, 0, 0, 0);
}

/* DLPack (dlpack.h, DLManagedTensor). From: a view of a tensor in CPU memory, valid as long as the
   tensor. To: a tensor that views the array's memory, with a deleter that frees the tensor alone. */
struct DLManagedTensor;
chainrule_status chainrule_array_from_dlpack(const struct DLManagedTensor *tensor, chainrule_array *array);
chainrule_status chainrule_array_to_dlpack(const chainrule_array *array, struct DLManagedTensor **tensor);

/* ------------------------------------------------------------------------------ models ---- */

/* A graph of layers, operations and parameters. */
typedef struct chainrule_model chainrule_model;

/* The number of a node in its model, counting from 0 in the order of adding. */
typedef int32_t chainrule_node;

typedef struct chainrule_model_options {
  size_t struct_size;
  chainrule_dtype dtype; /* CHAINRULE_FLOAT32 (also for 0) or CHAINRULE_FLOAT64 */
  uint64_t seed;         /* of the initial weights */
} chainrule_model_options;

/* What a parameter, input or output is. Shapes hold -1 for the batch. */
typedef struct chainrule_tensor_info {
  size_t struct_size;
  const char *name; /* "0.weight"; lives as long as the model */
  chainrule_dtype dtype;
  int32_t rank;
  int64_t shape[CHAINRULE_MAX_RANK];
  int32_t trainable; /* 1: a parameter that optimizers change */
} chainrule_tensor_info;

chainrule_status chainrule_model_create(const chainrule_model_options *options, chainrule_model **model);
void chainrule_model_free(chainrule_model *model);

/* Adds a node that takes the node added last as its input ("input", "parameter" and "constant" take
   none). kind and attributes are words of the catalog (chainrule_catalog_kind, and the table in the
   README). node may be NULL. Every node accepts the attribute name=...; without it, layers with
   parameters are numbered from 0 without counting inputs, as in PyTorch's Sequential ("0.weight",
   "2.weight"). The last node added is the model's output.
   A kind with several outputs (chainrule_entry_info.outputs) takes as many numbers: *node is the first
   output's, the others follow. */
chainrule_status chainrule_model_add(chainrule_model *model, const char *kind, const char *attributes,
                                     chainrule_node *node);

/* The same with the inputs named: graphs with shared nodes, residual connections, several inputs. Where a
   kind can do without some inputs, the attribute inputs=role,role says which are given; without it the
   first ones are. An input with dtype=integer holds whole numbers (int32 or int64 arrays): indices for
   "embedding" and "gather", lengths. One that is out of range fails the call that meets it. */
chainrule_status chainrule_model_add_node(chainrule_model *model, const char *kind, const char *attributes,
                                          const chainrule_node *inputs, size_t input_count,
                                          chainrule_node *node);

/* Adds another model as a layer: all that it is made of, with its present values, under names that begin
   with name (NULL: the layer's number, as for layers) and a dot, as in PyTorch. inputs: one node for each of
   its inputs. outputs (may be NULL): as many numbers as it has outputs. The other model stays as it is. */
chainrule_status chainrule_model_add_model(chainrule_model *model, const chainrule_model *other, const char *name,
                                           const chainrule_node *inputs, size_t input_count, chainrule_node *outputs);

/* A layer of one's own: functions of the host program under a kind of their own, which chainrule_model_add
   then takes. One that is composed of other kinds needs none of this: add their nodes. */
typedef struct chainrule_layer_definition {
  size_t struct_size;
  const char *attributes;    /* "factor=2 mode=fast": names with their defaults; NULL: none */
  const char *documentation; /* NULL: none */
  int32_t least_inputs, most_inputs; /* both 0: one input; at most 4 */
  int32_t mixes_samples;             /* 1: a sample's result depends on other samples of the batch */
  void *user;                        /* handed to the functions */
  /* Sets output->rank and ->shape from those of the inputs (data is NULL); -1 stands for the batch and
     comes first. Answers 0, or anything else to refuse the inputs. NULL: the first input's shape. */
  int32_t (*output_shape)(void *user, const char *attributes, const chainrule_array *inputs, size_t input_count,
                          chainrule_array *output);
  /* Writes *output. Arrays are contiguous and of the model's type. Answers 0, or anything else to fail the
     call that runs the model with CHAINRULE_CALLBACK. */
  int32_t (*forward)(void *user, const char *attributes, const chainrule_array *inputs, size_t input_count,
                     const chainrule_array *output, int32_t training);
  /* Writes the gradients in the inputs; those with data NULL are not wanted. NULL: they are zero. */
  int32_t (*backward)(void *user, const char *attributes, const chainrule_array *inputs, size_t input_count,
                      const chainrule_array *output, const chainrule_array *output_gradient,
                      const chainrule_array *input_gradients);
} chainrule_layer_definition;

/* The definition is copied; the kind stays for as long as the process lives, and is in the catalog. Saved
   models name it, and load where it is registered. attributes reach the functions as "name=value name=value", all of them. The
   functions run on the thread that runs the model, or several at once where several threads do. */
chainrule_status chainrule_register_layer(const char *kind, const chainrule_layer_definition *definition);

/* Compares a model's gradients with central differences of its outputs (their sum, each times a random
   number), as in training mode, for every number of its trainable parameters and inputs (of large arrays,
   1000 of them). The model must be float64. *worst (may be NULL) is the largest error, relative to the
   largest gradient of its array. CHAINRULE_VALUE, naming the place, when it is above tolerance (0: 1e-6). */
chainrule_status chainrule_check_gradients(chainrule_model *model, const chainrule_array *inputs, double tolerance,
                                           double *worst);

/* Makes these nodes the outputs, in this order. */
chainrule_status chainrule_model_set_outputs(chainrule_model *model, const chainrule_node *nodes, size_t count);

/* In which numbers the model multiplies matrices: "float32", or "bfloat16", a float32 of 8 significant bits. With
   bfloat16 both operands of each product are rounded to it (to nearest, ties to even), the products, which are exact,
   are summed in float32, and denormal numbers count as zeros. Parameters, gradients, optimizer state and all other
   arithmetic stay float32. It holds for training, evaluation and prediction, forward and backward, and is saved with
   the model; what a model with other models in it says holds for all of it.
   Covered are the products of linear, matmul, bilinear and of the projections in multihead_attention (hence in
   transformer layers); convolutions, recurrent layers and attention's scores compute in float32. Results have the
   same bits at any number of threads, and on CPUs with AVX2, AVX-512 and AVX-512 BF16; CPUs that have the last are up
   to twice as fast in large products, others gain nothing. Training rounds every operand in each step, which pays
   from batches of about 32 and layers of about 128 on. Predictions keep a rounded copy of the weights, freed with
   the model.
   May be changed at any time but while the model is being fitted (CHAINRULE_BUSY). CHAINRULE_INVALID_ARGUMENT for
   other words, CHAINRULE_DTYPE for bfloat16 in a float64 model. */
chainrule_status chainrule_model_set_compute(chainrule_model *model, const char *compute);
chainrule_status chainrule_model_get_compute(const chainrule_model *model, const char **compute);

chainrule_status chainrule_model_input_count(const chainrule_model *model, size_t *count);
chainrule_status chainrule_model_output_count(const chainrule_model *model, size_t *count);
chainrule_status chainrule_model_parameter_count(const chainrule_model *model, size_t *count);
chainrule_status chainrule_model_input_info(const chainrule_model *model, size_t index, chainrule_tensor_info *info);
chainrule_status chainrule_model_output_info(const chainrule_model *model, size_t index, chainrule_tensor_info *info);
chainrule_status chainrule_model_parameter_info(const chainrule_model *model, size_t index,
                                                chainrule_tensor_info *info);

/* Copies a parameter's values (or a constant's) out of or into the model. Shapes are PyTorch's:
   linear's weight is [out_features, in_features]. */
chainrule_status chainrule_model_get_parameter(const chainrule_model *model, const char *name,
                                               const chainrule_array *values);
chainrule_status chainrule_model_set_parameter(chainrule_model *model, const char *name,
                                               const chainrule_array *values);

/* Draws all initial weights anew. */
chainrule_status chainrule_model_initialize(chainrule_model *model, uint64_t seed);

/* A table of the layers with output shapes and numbers of parameters. */
chainrule_status chainrule_model_summary(const chainrule_model *model, char *buffer, size_t capacity, size_t *length);

/* Runs the model: inputs points to as many arrays as the model has inputs, outputs to as many as it
   has outputs (NULL for a model without inputs). Any batch size; any number of threads may predict
   on one model at once. NaN in gives NaN out, as arithmetic has it. What predictions make of parameters
   alone is kept until these change (where memory allows), and shared by all predictions: weights in the
   order that products of more than 64 rows and recurrent layers use them in, 3 x 3 kernels at the points
   of Winograd's algorithm, which take four times the kernels' bytes, weights of a weight_norm. */
chainrule_status chainrule_model_predict(const chainrule_model *model, const chainrule_array *inputs,
                                         const chainrule_array *outputs);

/* One safetensors file: the parameters under PyTorch's names, the model's description in the
   metadata. Written aside, flushed and renamed: the old file survives any failure. */
chainrule_status chainrule_model_save(const chainrule_model *model, const char *path);
chainrule_status chainrule_model_load(const char *path, chainrule_model **model);

/* Only the values, from any safetensors file with tensors of the right names and shapes, such as a
   PyTorch state dict. strict = 1: every parameter must be there, and nothing else. */
chainrule_status chainrule_model_load_parameters(chainrule_model *model, const char *path, int32_t strict);

/* The same bytes as in the file. *length is set in any case; CHAINRULE_INVALID_ARGUMENT if capacity is
   smaller, unless capacity is 0. */
chainrule_status chainrule_model_serialize(const chainrule_model *model, void *buffer, size_t capacity,
                                           size_t *length);
chainrule_status chainrule_model_deserialize(const void *buffer, size_t length, chainrule_model **model);

/* ------------------------------------------------- one level down: writing the loop yourself ---- */

/* One caller's activations and gradients on a model. */
typedef struct chainrule_context chainrule_context;

chainrule_status chainrule_context_create(chainrule_model *model, chainrule_context **context);
void chainrule_context_free(chainrule_context *context);

/* Runs the model and keeps what the backward pass needs. training = 1: dropout is active. */
chainrule_status chainrule_context_forward(chainrule_context *context, const chainrule_array *inputs,
                                           int32_t training);

/* Copies an output of the last forward pass. */
chainrule_status chainrule_context_output(const chainrule_context *context, size_t index,
                                          const chainrule_array *values);

/* The chain rule: from the gradients in the outputs (as many arrays as outputs; NULL means ones) to
   the gradients in all parameters, which are added to those already there, and in the inputs. */
chainrule_status chainrule_context_backward(chainrule_context *context, const chainrule_array *output_gradients);

/* Copy out the gradient in an input (of the last backward pass) or in a parameter (summed). */
chainrule_status chainrule_context_input_gradient(const chainrule_context *context, size_t index,
                                                  const chainrule_array *values);
chainrule_status chainrule_context_gradient(const chainrule_context *context, const char *name,
                                            const chainrule_array *values);
chainrule_status chainrule_context_zero_gradients(chainrule_context *context);

/* A loss, from text: "mse", "cross_entropy label_smoothing=0.1". Every loss has the attributes
   reduction=mean|sum|batchmean|none (batchmean: the sum over a sample's elements, the mean over samples; none: each
   loss by itself, which only chainrule_loss_values gives) and factor=<number>, which scales it. */
typedef struct chainrule_loss chainrule_loss;

chainrule_status chainrule_loss_create(const char *text, chainrule_loss **loss);
void chainrule_loss_free(chainrule_loss *loss);

/* How many predictions and targets it takes: one each for most; triplet_margin takes three predictions
   and no target, ctc one prediction and three targets (chainrule_catalog_describe names them). */
chainrule_status chainrule_loss_counts(const chainrule_loss *loss, size_t *predictions, size_t *targets);

/* The loss of a batch, and (unless gradient is NULL) its gradients in the predictions, which have the
   predictions' shapes. prediction, target and gradient point to as many arrays as the loss takes, one
   after another; target may be NULL if it takes none. sample_weight: one number for each sample, or NULL;
   a sample's loss (the mean or sum over its elements) counts that often. */
chainrule_status chainrule_loss_evaluate(const chainrule_loss *loss, const chainrule_array *prediction,
                                         const chainrule_array *target, const chainrule_array *sample_weight,
                                         double *value, const chainrule_array *gradient);

/* Each loss by itself, whatever the reduction is, times factor and its sample's weight; and (unless gradient is NULL)
   the gradients of their sum in the predictions. values: one number for each element of the prediction; of losses over
   classes one for each label, of those that compare rows, of ctc, dice and one's own one for each sample. If
   values->data is NULL, only values->rank and values->shape are set. */
chainrule_status chainrule_loss_values(const chainrule_loss *loss, const chainrule_array *prediction,
                                       const chainrule_array *target, const chainrule_array *sample_weight,
                                       chainrule_array *values, const chainrule_array *gradient);

/* An optimizer, from text: "sgd lr=0.1 momentum=0.9", "adam lr=0.001 clip_norm=1".

   Groups of parameters follow, each behind a ';': patterns of parameters' names (* any letters, ? one),
   then what differs: "adamw lr=1e-3 weight_decay=0.01; *.bias,norm* weight_decay=0; 0.* frozen=true". A
   parameter takes the attributes of every group that fits it, later ones first. A group may name another
   optimizer ("muon lr=0.02; *.bias adamw lr=1e-3"), for which nothing written before holds. Setting lr
   keeps the ratios of the groups' rates.
   For all parameters or a group: frozen; l1, l2, orthogonal (regularisers: their derivatives join the
   gradient, the reported loss is without them); max_norm, non_negative, unit_norm (constraints, after
   each update). For the training, before the first ';': clip_norm, clip_value; accumulate=N (one update
   with the mean gradient of N batches); ema_decay or swa_start and
   swa_freq (an average of the weights, see chainrule_trainer_use_average).
   lbfgs evaluates the loss several times a step, so only a trainer makes its steps; it is for batches of all
   samples, and bears neither clipping, accumulation, regularisers, constraints nor groups that aren't frozen. A
   step that fails leaves the parameters as before the iteration in which it failed.
   Denormal numbers count as zeros in optimizers that keep something from step to step. */
typedef struct chainrule_optimizer chainrule_optimizer;

chainrule_status chainrule_optimizer_create(const char *text, chainrule_optimizer **optimizer);
void chainrule_optimizer_free(chainrule_optimizer *optimizer);

/* Changes the model's parameters along the context's gradients. The first call ties the optimizer to
   the context's model. CHAINRULE_NON_FINITE leaves the parameters as they were. */
chainrule_status chainrule_optimizer_step(chainrule_optimizer *optimizer, chainrule_context *context);
chainrule_status chainrule_optimizer_get_lr(const chainrule_optimizer *optimizer, double *lr);
chainrule_status chainrule_optimizer_set_lr(chainrule_optimizer *optimizer, double lr);

/* --------------------------------------- one's own losses, metrics, schedules, optimizers ---- */

/* As for layers: functions of the host program under a kind of their own, which then stands wherever a text may
   name one ("my_loss delta=2; mse"). The definition is copied and the kind stays for as long as the process lives;
   it is in the catalog, and checkpoints name it and load where it is registered. attributes are those that the
   definition declares, as "name=value name=value"; texts may give those that all kinds of the group have as well.
   A function answers 0, or anything else to fail the call that it is part of with CHAINRULE_CALLBACK. It runs on the
   thread of that call, or several at once where several threads make calls, and may not use the trainer, context or
   model at work. */

/* A loss. Its function gives one number for each sample; reduction, factor and sample weights are the library's
   (mean and batchmean are the same then). Either evaluate or compose is given. */
typedef struct chainrule_loss_definition {
  size_t struct_size;
  const char *attributes;       /* "delta=1": names with their defaults; NULL: none */
  const char *documentation;    /* NULL: none */
  int32_t predictions, targets; /* how many it takes, 1 to 4 and 0 to 4; both 0: one each */
  void *user;                   /* handed to the functions */
  /* Sets rank, shape and dtype (CHAINRULE_INT32: labels of 0 or more, -1 for none) of the targets, whose batch comes
     first, from the predictions' shapes (data is NULL; -1 stands for the open batch). They begin as real numbers of
     the first prediction's shape. Anything but 0 refuses the predictions. NULL: they stay so. */
  int32_t (*target_shapes)(void *user, const char *attributes, const chainrule_array *predictions,
                           size_t prediction_count, chainrule_array *targets, size_t target_count);
  /* Writes losses [batch] and, unless gradients is NULL, the gradient of each sample's loss in its predictions, arrays
     of their shapes. All arrays are contiguous and of the model's type, labels int32. */
  int32_t (*evaluate)(void *user, const char *attributes, const chainrule_array *predictions, size_t prediction_count,
                      const chainrule_array *targets, size_t target_count, const chainrule_array *losses,
                      const chainrule_array *gradients);
  /* A loss composed of operations, which needs no gradient: adds to a model that has the predictions and targets as
     inputs (chainrule_model_input_info tells their shapes) and sets *losses to a node of shape [batch] or
     [batch, ...], of which mean takes the mean. No samples may mix, and nothing in it is trained. Called when the
     loss is given its predictions, not at each step; but each step takes a little memory. */
  int32_t (*compose)(void *user, const char *attributes, chainrule_model *model, const chainrule_node *predictions,
                     size_t prediction_count, const chainrule_node *targets, size_t target_count,
                     chainrule_node *losses);
} chainrule_loss_definition;

chainrule_status chainrule_register_loss(const char *kind, const chainrule_loss_definition *definition);

/* chainrule_check_gradients for a loss: its gradients in the predictions, which must be float64. */
chainrule_status chainrule_check_loss_gradients(const chainrule_loss *loss, const chainrule_array *prediction,
                                                const chainrule_array *target, double tolerance, double *worst);

/* A metric: it sees the set batch after batch. A loss whose targets do not have the prediction's shape takes no
   other metrics. */
typedef struct chainrule_metric_definition {
  size_t struct_size;
  const char *attributes, *documentation; /* as above */
  int32_t larger_is_better;               /* 1: for early stopping */
  void *user;
  /* Sets *state (NULL at first), which the others are handed; before the first batch of a set or epoch. */
  int32_t (*begin)(void *user, const char *attributes, void **state);
  /* Takes a batch in: contiguous arrays of the model's type, labels int32; sample_weight is NULL for ones. */
  int32_t (*update)(void *state, const chainrule_array *prediction, const chainrule_array *target,
                    const chainrule_array *sample_weight);
  int32_t (*result)(void *state, double *value); /* of all batches since begin */
  void (*end)(void *state);                      /* gives the state back; NULL: nothing to do */
} chainrule_metric_definition;

chainrule_status chainrule_register_metric(const char *kind, const chainrule_metric_definition *definition);

/* A schedule. */
typedef struct chainrule_schedule_definition {
  size_t struct_size;
  const char *attributes, *documentation; /* as above */
  int32_t counts_steps;                   /* 1: updates are counted unless per=epoch says otherwise; 0: epochs */
  void *user;
  /* Sets *lr, a finite rate of 0 or more: after `count` updates or epochs (from the part's own start on, in a
     sequence), of first_lr before any. monitored: the last epoch's val_loss, or loss without validation data, or what
     chainrule_trainer_end_epoch was given; NaN before. An update or epoch whose next rate is refused fails, and the
     update is not made. */
  int32_t (*rate)(void *user, const char *attributes, double first_lr, int64_t count, double monitored, double *lr);
} chainrule_schedule_definition;

chainrule_status chainrule_register_schedule(const char *kind, const chainrule_schedule_definition *definition);

/* An optimizer. Groups, freezing, clipping, accumulation, regularisers, constraints and averages of weights are the
   library's. A step that is refused, or leaves a NaN or infinity, is taken back; each is made with a copy of the
   parameters at hand. */
typedef struct chainrule_optimizer_definition {
  size_t struct_size;
  const char *attributes, *documentation; /* as above; "lr=0.01" among them sets the default of lr, else 0.001, and
                                             does not reach the function as text */
  int32_t state_count; /* arrays of the parameter's size that are kept, 0 to 8: zeros at first, "state0" and so on in
                          checkpoints */
  void *user;
  /* Changes one parameter. step counts from 1; the gradient, clipped, is only read; state points to state_count
     arrays. All are of the model's type and lie alike, in one piece of memory: a function that treats every element
     alike may walk from data on. Where a weight is kept transposed, strided is 1 and the strides say how. */
  int32_t (*update)(void *user, const char *attributes, int64_t step, double lr, const chainrule_array *parameter,
                    const chainrule_array *gradient, const chainrule_array *state);
} chainrule_optimizer_definition;

chainrule_status chainrule_register_optimizer(const char *kind, const chainrule_optimizer_definition *definition);

/* ---------------------------------------------------------------------------- training ---- */

/* Loss, optimizer, random state and position in the data, for one model. */
typedef struct chainrule_trainer chainrule_trainer;

/* loss: as for chainrule_loss_create; for several outputs several, separated by ';', each of which takes
   one output after another, as many as it has predictions. What is minimised is their sum ("mse; l1
   factor=0.1"). "none" minimises the (single, scalar) output itself and takes no targets. */
chainrule_status chainrule_trainer_create(chainrule_model *model, const char *loss, const char *optimizer,
                                          chainrule_trainer **trainer);
void chainrule_trainer_free(chainrule_trainer *trainer);

/* Metrics for fit and evaluate, separated by spaces, each with its attributes behind it: "accuracy top_k
   k=5 f1 average=macro". "" for none. Each is exact over the whole set, as scikit-learn computes it, with
   sample weights. A series has the metric's kind as its name, or what its attribute name= says; a kind that
   comes more than once has its attributes in the names, as they are written: "top_k_k=2", "top_k_k=5".
   The class of several columns is the largest, and so it is of targets that are no labels; one column says
   yes above the loss's threshold (0 for logits, else 0.5); several columns under bce, bce_with_logits,
   soft_margin, multilabel_soft_margin and focal's sigmoid are each a yes or no. log_loss, roc_auc and
   average_precision see probabilities as the loss does: the softmax under cross_entropy, the sigmoid under
   bce_with_logits, exp under nll, numbers as they are under other losses; roc_auc is one class against the
   rest. roc_auc, average_precision and median_error keep the scores of the whole set. */
chainrule_status chainrule_trainer_set_metrics(chainrule_trainer *trainer, const char *metrics);

/* Seed of dropout and shuffling; the default is the model's seed. */
chainrule_status chainrule_trainer_set_seed(chainrule_trainer *trainer, uint64_t seed);

/* Activation checkpointing: training in less memory, for more computing. With `segments` of 2 or more the model is cut
   into about so many parts, alike in what they would keep for the backward pass; only what crosses the borders is
   kept, and the backward pass computes each part but the last once more before it. Each step takes the time of nearly
   one more forward pass, a third or so, and gives the same bits as without: losses, gradients, parameters, running
   statistics, at any number of threads. 0 (the default) and 1: all is kept. -1: the number of segments that takes the
   least memory, found when a batch size is first met. A number larger than the model has operations is as good as
   that many. Where segments would not make the plan smaller, all is kept.

   chainrule_trainer_memory tells what it saves, before the first step. A layer of the host program
   (chainrule_register_layer) is not called again: its output is kept. Evaluation and prediction keep nothing in any
   case. May be set between any two steps, which releases the memory of the plans; kept in checkpoints.
   CHAINRULE_INVALID_ARGUMENT for less than -1 and more than 10000. */
chainrule_status chainrule_trainer_set_checkpoint_segments(chainrule_trainer *trainer, int64_t segments);

chainrule_status chainrule_trainer_get_lr(const chainrule_trainer *trainer, double *lr);
chainrule_status chainrule_trainer_set_lr(chainrule_trainer *trainer, double lr);

/* Sets the learning rate from step to step, from the present rate on: "cosine T_max=100 per=step
   warmup=500", "step step_size=10 gamma=0.5". per: step counts updates, epoch counts epochs (of fit, or
   chainrule_trainer_end_epoch). warmup: the rate grows linearly over so many updates first. Several
   follow each other: "linear total_iters=5; cosine T_max=20 from=5". "" ends it. A rate set in between
   holds until the schedule's next change. Kept in checkpoints. */
chainrule_status chainrule_trainer_set_schedule(chainrule_trainer *trainer, const char *schedule);

/* For loops of one's own: what fit does with the schedule after each epoch. monitored: the value that
   "plateau" looks at; others don't. */
chainrule_status chainrule_trainer_end_epoch(chainrule_trainer *trainer, double monitored);

/* Puts the average of the weights (ema_decay, swa_start) into the model, 1, or takes it out, 0. fit does
   the first at the end of each epoch, every step the second; evaluate looks at the average in any case.
   After fit the model predicts and is saved with the average, and training goes on with the weights. */
chainrule_status chainrule_trainer_use_average(chainrule_trainer *trainer, int32_t average);

/* How many targets the losses take together: the arrays that y points to. */
chainrule_status chainrule_trainer_target_count(const chainrule_trainer *trainer, size_t *count);

/* Updates made so far. */
chainrule_status chainrule_trainer_step_count(const chainrule_trainer *trainer, int64_t *count);

/* One update on one batch. x: as many arrays as the model has inputs; y: as many as the losses take targets,
   in their order (one for each output, for most; NULL for none); sample_weight: one number for each sample, or
   NULL. *loss (may be NULL): before the update. Allocates nothing after the first call with a batch size, as
   long as no more than 8 sizes come in turns. CHAINRULE_NON_FINITE (a NaN or infinity in the loss, a gradient,
   or a parameter after the update) leaves the parameters as they were and names the node in which it began. */
chainrule_status chainrule_trainer_step(chainrule_trainer *trainer, const chainrule_array *x,
                                        const chainrule_array *y, const chainrule_array *sample_weight,
                                        double *loss);

/* What callbacks see. Pointers are valid during the callback. */
typedef struct chainrule_progress {
  size_t struct_size;
  int64_t epoch, epochs;          /* from 0 */
  int64_t batch, batches;         /* from 0; batches done in this epoch so far is batch + 1 */
  double loss;                    /* per batch: this batch's; per epoch: the epoch's mean */
  size_t value_count;             /* per epoch: all series of the history; per batch: 0 */
  const char *const *value_names; /* "loss", "accuracy", "val_loss", ... */
  const double *values;
} chainrule_progress;

#define CHAINRULE_CONTINUE 0
#define CHAINRULE_STOP 1 /* end the training after this; fit succeeds */
#define CHAINRULE_FAIL 2 /* fit returns CHAINRULE_CALLBACK */

/* Runs on the thread that called fit. The model may be used in it (predict, save), the trainer not
   (except chainrule_trainer_cancel, _save, _step_count, _set_lr and _get_lr). */
typedef int32_t (*chainrule_callback)(void *user, const chainrule_progress *progress);

#define CHAINRULE_SHUFFLE_DEFAULT 0 /* on */
#define CHAINRULE_SHUFFLE_ON 1
#define CHAINRULE_SHUFFLE_OFF 2

typedef struct chainrule_fit_options {
  size_t struct_size;
  int64_t epochs;     /* default 1 */
  int64_t batch_size; /* default 32; at most the number of samples counts */
  int32_t shuffle;    /* anew in each epoch */
  int32_t drop_last;  /* 1: leave out a last, smaller batch */
  const chainrule_array *sample_weight;
  double validation_split; /* 0 to under 1: this share, from the end of the data, is held out */
  const chainrule_array *validation_x; /* or data of its own; as many arrays as x and y */
  const chainrule_array *validation_y;
  const char *monitor;  /* series watched by early stopping; default "val_loss", or "loss" without
                           validation data; larger is better for accuracy and r2 */
  int64_t patience;     /* stop after so many epochs without improvement; 0: never */
  double min_delta;     /* what counts as improvement: more than this */
  int32_t restore_best; /* 1: end with the weights of the best epoch, also when fit is broken off */
  int32_t resume;       /* 1: epochs counts from the trainer's first epoch, and an epoch that was
                           broken off (cancel, checkpoint) goes on with its next batch */
  chainrule_callback on_batch;
  chainrule_callback on_epoch;
  void *user; /* handed to the callbacks */
} chainrule_fit_options;

/* What fit recorded: one number for each epoch and series ("loss", "val_loss", metrics). */
typedef struct chainrule_history chainrule_history;

/* Trains. x, y: as in chainrule_trainer_step, with all samples. options and history may be NULL.
   CHAINRULE_CANCELLED, CHAINRULE_CALLBACK and CHAINRULE_NON_FINITE leave a usable model and (unless
   history is NULL) set *history to what was recorded: the one exception to "outputs untouched". */
chainrule_status chainrule_trainer_fit(chainrule_trainer *trainer, const chainrule_array *x, const chainrule_array *y,
                                       const chainrule_fit_options *options, chainrule_history **history);

/* Loss and metrics over data, exact over the whole set: values[0] is the loss, then the metrics in
   their order. *count (may be NULL) is set to how many there are; at most capacity are written. */
chainrule_status chainrule_trainer_evaluate(chainrule_trainer *trainer, const chainrule_array *x,
                                            const chainrule_array *y, const chainrule_array *sample_weight,
                                            double *values, size_t capacity, size_t *count);

/* How often, or with how much weight, each class (a row) was taken for each class (a column), as scikit-learn
   counts it. prediction: scores [n, classes], of which the first of the largest counts, or classes [n] (int32,
   int64); target: classes [n], or scores like those; sample_weight [n] or NULL; matrix: [classes, classes] of
   float32 or float64. CHAINRULE_VALUE for a class that the matrix doesn't have, and for NaN. */
chainrule_status chainrule_confusion_matrix(const chainrule_array *prediction, const chainrule_array *target,
                                            const chainrule_array *sample_weight, const chainrule_array *matrix);

/* Asks a running fit to end after its current batch with CHAINRULE_CANCELLED. Safe from any thread
   and from a signal handler. Does nothing when no fit runs. */
void chainrule_trainer_cancel(chainrule_trainer *trainer);

/* Bytes that training with this batch size takes; known before the first step. */
typedef struct chainrule_memory {
  size_t struct_size;
  uint64_t parameters;
  uint64_t gradients;
  uint64_t optimizer;   /* moments and the like */
  uint64_t activations; /* the arena: results kept for the backward pass, workspace */
  uint64_t total;
  uint64_t checkpointing_saves; /* how much larger activations would be with 0 checkpoint segments */
} chainrule_memory;

chainrule_status chainrule_trainer_memory(chainrule_trainer *trainer, int64_t batch_size, chainrule_memory *memory);

/* A checkpoint: the model's file with the optimizer's state, the random state and the position in the
   data beside it. Loading it and calling fit with resume = 1 gives the same bits as never having
   stopped. */
chainrule_status chainrule_trainer_save(const chainrule_trainer *trainer, const char *path);
chainrule_status chainrule_trainer_load(const char *path, chainrule_model **model, chainrule_trainer **trainer);

void chainrule_history_free(chainrule_history *history);
chainrule_status chainrule_history_epochs(const chainrule_history *history, size_t *epochs);
/* The epoch (from 0) with the best monitored value. */
chainrule_status chainrule_history_best_epoch(const chainrule_history *history, size_t *epoch);
/* The index-th series' name, NULL past the end; lives as long as the history. */
const char *chainrule_history_name(const chainrule_history *history, size_t index);
/* Copies a series: at most capacity numbers, *count (may be NULL) is set to how many there are. */
chainrule_status chainrule_history_values(const chainrule_history *history, const char *name, double *values,
                                          size_t capacity, size_t *count);

#ifdef __cplusplus
}
#endif

#endif /* CHAINRULE_H */
