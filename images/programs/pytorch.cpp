// How does a C++ program run a network with PyTorch? Eagerly, by ATen's operators, as the libtorch of the wheel has them.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/native/verbose_wrapper.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/api/include/torch/version.h>

#include <functional>

#include "harness.h"

namespace {

using bench::json;
using bench::Node;
using bench::Unsupported;
using Tensors = std::vector<at::Tensor>;
using Operator = std::function<at::Tensor(const Tensors&)>;
using Weights = std::map<std::string, at::Tensor>;
using Sizes = std::vector<int64_t>;

Sizes sizes(const Node& node, const char* key, Sizes otherwise) { return node.attrs.value(key, std::move(otherwise)); }

// ONNX's [top, left, bottom, right] as the symmetric padding of an operator; `before` is what must be padded first.
struct Pads {
  Sizes before, padding{0, 0};

  explicit Pads(const Node& node) {
    const Sizes pads = sizes(node, "pads", {0, 0, 0, 0});
    if (pads[0] == pads[2] && pads[1] == pads[3]) {
      padding = {pads[0], pads[1]};
    } else {
      before = {pads[1], pads[3], pads[0], pads[2]};
    }
  }
};

class PyTorch final : public bench::Framework {
 public:
  int64_t build(const bench::Job& job) override {
    if (job.execution != "default" && job.execution != "channels_last") {
      throw Unsupported("mode '" + job.execution + "': this program has default, channels_last");
    }
    channels_last_ = job.execution == "channels_last";
    at::set_num_threads(job.threads);
    at::set_num_interop_threads(1);
    at::globalContext().setFloat32MatmulPrecision("highest");
    if (job.onednn == "on" || job.onednn == "off") at::globalContext().setUserEnabledMkldnn(job.onednn == "on");
    seed_ = job.seed;

    std::map<std::string, size_t> slots;
    for (const auto& [name, shape] : job.inputs) slots.emplace(name, slots.size());
    inputs_ = slots.size();
    for (const Node& node : job.nodes) {
      Step step{make(node), {}, {}, slots.size(), {}};
      for (const std::string& name : node.inputs) step.inputs.push_back(slots.at(name));
      step.arguments.reserve(step.inputs.size());
      slots.emplace(node.name, step.output);
      steps_.push_back(std::move(step));
    }
    for (const std::string& name : job.outputs) outputs_.push_back(slots.at(name));
    drop_dead();
    tensors_.resize(slots.size());
    results_.resize(outputs_.size());
    views_.resize(outputs_.size());
    return parameters_;
  }

  void load(const std::vector<bench::View>& inputs) override {
    loaded_.clear();
    for (const bench::View& view : inputs) loaded_.push_back(placed(at::from_blob(view.data, view.shape)));
  }

  void step() override {
    const c10::InferenceMode guard;
    std::copy(loaded_.begin(), loaded_.end(), tensors_.begin());
    for (Step& step : steps_) {
      step.arguments.clear();
      for (size_t slot : step.inputs) step.arguments.push_back(tensors_[slot]);
      tensors_[step.output] = step.apply(step.arguments);
      step.arguments.clear();
      for (size_t slot : step.dead) tensors_[slot].reset();
    }
    for (size_t i = 0; i < outputs_.size(); ++i) results_[i] = std::move(tensors_[outputs_[i]]);
  }

  const std::vector<bench::View>& fetch() override {
    for (size_t i = 0; i < results_.size(); ++i) {
      results_[i] = results_[i].contiguous();
      views_[i] = {results_[i].sizes().vec(), results_[i].data_ptr<float>()};
    }
    return views_;
  }

  json describe() override {
    const at::Context& context = at::globalContext();
    const bool highest = context.float32MatmulPrecision() == at::Float32MatmulPrecision::HIGHEST;
    std::string device;
    bool recorded = false, single = true;
    for (const at::Tensor& result : results_) {
      device = result.device().str();
      recorded = recorded || result.requires_grad();
      single = single && result.scalar_type() == at::kFloat;
    }
    json found = {
        {"version", TORCH_VERSION},
        {"build", at::show_config() + at::get_parallel_info()},
        {"pools", {{"intra-op", at::get_num_threads()}, {"inter-op", at::get_num_interop_threads()}}},
        {"isa_used", "ATen " + at::get_cpu_capability()},
        {"precision", !single ? "not float32 alone" : highest ? "float32" : "float32, products less"},
        {"device", device},
        {"arithmetic", {{"gradients", recorded ? "on" : "off"}, {"tf32", highest ? "off" : "allowed"}}},
    };
    size_t images = 0, turned = 0;
    for (const Tensors* tensors : {&placed_, &loaded_}) {
      for (const at::Tensor& tensor : *tensors) {
        images += tensor.dim() == 4;
        turned += tensor.dim() == 4 && !tensor.is_contiguous();
      }
    }
    found["execution"] = {turned ? "channels_last" : "default",
                          std::to_string(turned) + " of " + std::to_string(images) +
                              " images and kernels stored as NHWC, operators called one after another"};
    const bool on = context.userEnabledMkldnn();
    found["onednn"] = {!at::hasMKLDNN() ? "absent" : on ? "on" : "off", "at::Context::userEnabledMkldnn()"};
    return found;
  }

  bool verbose(int level) override { return torch::verbose::_mkldnn_set_verbose(level) != 0; }

 private:
  struct Step {
    Operator apply;
    std::vector<size_t> inputs;
    Tensors arguments;
    size_t output;
    std::vector<size_t> dead;  // tensors that nobody needs after it
  };

  void drop_dead() {
    std::map<size_t, size_t> last;
    for (size_t i = 0; i < steps_.size(); ++i) {
      for (size_t slot : steps_[i].inputs) last[slot] = i;
    }
    for (size_t slot : outputs_) last.erase(slot);
    for (const auto& [slot, i] : last) steps_[i].dead.push_back(slot);
  }

  at::Tensor placed(const at::Tensor& tensor) const {
    if (channels_last_ && tensor.dim() == 4) return tensor.contiguous(at::MemoryFormat::ChannelsLast);
    return tensor;
  }

  Weights weights(const Node& node) {
    Weights made;
    for (const auto& [key, shape] : node.shapes) {
      at::Tensor tensor = at::empty(shape, at::kFloat);
      bench::fill_weight(tensor.data_ptr<float>(), seed_, node.op, node.name, key, shape, node.gain);
      if (bench::learnt(key)) parameters_ += tensor.numel();
      made[key] = placed(tensor);
      placed_.push_back(made[key]);
    }
    return made;
  }

  // -- ONNX's operators ----------------------------------------------------------------------------------------------

  Operator make(const Node& node) {
    static const std::map<std::string, Operator (PyTorch::*)(const Node&)> makers = {
        {"Add", &PyTorch::add},
        {"AveragePool", &PyTorch::average_pool},
        {"BatchNormalization", &PyTorch::batch_normalization},
        {"Clip", &PyTorch::clip},
        {"Concat", &PyTorch::concat},
        {"Conv", &PyTorch::conv},
        {"Flatten", &PyTorch::flatten},
        {"Gemm", &PyTorch::gemm},
        {"GlobalAveragePool", &PyTorch::global_average_pool},
        {"LRN", &PyTorch::lrn},
        {"MatMul", &PyTorch::matmul},
        {"MaxPool", &PyTorch::max_pool},
        {"Mul", &PyTorch::mul},
        {"Relu", &PyTorch::relu},
        {"Sigmoid", &PyTorch::sigmoid},
        {"Softmax", &PyTorch::softmax},
    };
    const auto maker = makers.find(node.op);
    if (maker == makers.end()) throw Unsupported("operator " + node.op + " (" + node.name + "): this program lacks it");
    return (this->*maker->second)(node);
  }

  Operator conv(const Node& node) {
    Weights w = weights(node);
    const at::Tensor weight = w.at("W"), bias = w.count("B") ? w.at("B") : at::Tensor();
    const Sizes stride = sizes(node, "strides", {1, 1}), dilation = sizes(node, "dilations", {1, 1});
    const int64_t group = node.attrs.value("group", int64_t{1});
    const Pads pads(node);
    return [=](const Tensors& x) {
      const at::Tensor image = pads.before.empty() ? x[0] : at::constant_pad_nd(x[0], pads.before);
      return at::conv2d(image, weight, bias, stride, pads.padding, dilation, group);
    };
  }

  Operator batch_normalization(const Node& node) {
    if (node.attrs.value("training_mode", 0)) {
      throw Unsupported(node.name + ": training_mode: this program has the inference form only");
    }
    Weights w = weights(node);
    const at::Tensor scale = w.at("scale"), shift = w.at("B"), mean = w.at("mean"), var = w.at("var");
    const double epsilon = node.attrs.value("epsilon", 1e-5);
    return [=](const Tensors& x) {
      return at::batch_norm(x[0], scale, shift, mean, var, /*training=*/false, 0.1, epsilon, /*cudnn_enabled=*/false);
    };
  }

  struct Pool {
    Sizes kernel, stride, padding;
    bool ceil;

    explicit Pool(const Node& node)
        : kernel(sizes(node, "kernel_shape", {})),
          stride(sizes(node, "strides", {1, 1})),
          padding(Pads(node).padding),
          ceil(node.attrs.value("ceil_mode", 0) != 0) {
      if (!Pads(node).before.empty() || sizes(node, "dilations", {1, 1}) != Sizes{1, 1}) {
        throw Unsupported(node.name + ": pool with uneven pads or dilations");
      }
    }
  };

  Operator max_pool(const Node& node) {
    const Pool pool(node);
    return [=](const Tensors& x) {
      return at::max_pool2d(x[0], pool.kernel, pool.stride, pool.padding, {1, 1}, pool.ceil);
    };
  }

  Operator average_pool(const Node& node) {
    const Pool pool(node);
    const bool counted = node.attrs.value("count_include_pad", 0) != 0;
    return [=](const Tensors& x) {
      return at::avg_pool2d(x[0], pool.kernel, pool.stride, pool.padding, pool.ceil, counted);
    };
  }

  Operator gemm(const Node& node) {
    if (node.attrs.value("transA", 0) || node.attrs.value("alpha", 1.0) != 1 || node.attrs.value("beta", 1.0) != 1) {
      throw Unsupported(node.name + ": Gemm with transA, alpha or beta");
    }
    Weights w = weights(node);
    const at::Tensor weight = node.attrs.value("transB", 0) ? w.at("B") : w.at("B").t().contiguous();
    const at::Tensor bias = w.count("C") ? w.at("C") : at::Tensor();
    return [=](const Tensors& x) { return at::linear(x[0], weight, bias); };
  }

  Operator flatten(const Node& node) {
    if (node.attrs.value("axis", 1) != 1) throw Unsupported(node.name + ": Flatten at another axis than 1");
    return [](const Tensors& x) { return at::flatten(x[0], 1); };
  }

  Operator clip(const Node& node) {
    const double low = node.attrs.at("min"), high = node.attrs.at("max");
    if (low == 0 && high == 6) return [](const Tensors& x) { return at::relu6(x[0]); };
    return [=](const Tensors& x) { return at::clamp(x[0], low, high); };
  }

  // As torch.nn.functional.local_response_norm computes it.
  Operator lrn(const Node& node) {
    const int64_t size = node.attrs.at("size");
    const double alpha = node.attrs.value("alpha", 1e-4), beta = node.attrs.value("beta", 0.75);
    const double bias = node.attrs.value("bias", 1.0);
    return [=](const Tensors& x) {
      at::Tensor squares = at::mul(x[0], x[0]).unsqueeze(1);
      squares = at::constant_pad_nd(squares, {0, 0, 0, 0, size / 2, (size - 1) / 2});
      squares = at::avg_pool3d(squares, {size, 1, 1}, 1).squeeze(1);
      return at::div(x[0], squares.mul(alpha).add(bias).pow(beta));
    };
  }

  Operator concat(const Node& node) {
    const int64_t axis = node.attrs.at("axis");
    return [=](const Tensors& x) { return at::cat(x, axis); };
  }

  Operator softmax(const Node& node) {
    const int64_t axis = node.attrs.value("axis", int64_t{-1});
    return [=](const Tensors& x) { return at::softmax(x[0], axis); };
  }

  Operator add(const Node&) {
    return [](const Tensors& x) { return at::add(x[0], x[1]); };
  }
  Operator mul(const Node&) {
    return [](const Tensors& x) { return at::mul(x[0], x[1]); };
  }
  Operator matmul(const Node&) {
    return [](const Tensors& x) { return at::matmul(x[0], x[1]); };
  }
  Operator relu(const Node&) {
    return [](const Tensors& x) { return at::relu(x[0]); };
  }
  Operator sigmoid(const Node&) {
    return [](const Tensors& x) { return at::sigmoid(x[0]); };
  }
  Operator global_average_pool(const Node&) {
    return [](const Tensors& x) { return at::adaptive_avg_pool2d(x[0], {1, 1}); };
  }

  bool channels_last_ = false;
  int64_t seed_ = 0, parameters_ = 0;
  size_t inputs_ = 0;
  std::vector<Step> steps_;
  std::vector<size_t> outputs_;
  Tensors placed_;  // the weights
  Tensors loaded_, tensors_, results_;
  std::vector<bench::View> views_;
};

}  // namespace

int main(int argc, char** argv) {
  PyTorch framework;
  return bench::serve(argc, argv, framework);
}
