// How does a C++ program run a network with TensorFlow? A Session over a frozen graph that was written for it, in NHWC.
#include <tensorflow/c/c_api.h>
#include <tensorflow/core/framework/graph.pb.h>
#include <tensorflow/core/framework/tensor.h>
#include <tensorflow/core/platform/env.h>
#include <tensorflow/core/protobuf/config.pb.h>
#include <tensorflow/core/public/session.h>
#if __has_include(<external/onednn/include/oneapi/dnnl/dnnl_version.h>)
#include <external/onednn/include/oneapi/dnnl/dnnl_version.h>
#endif

#include "harness.h"

namespace {

using bench::json;
using bench::Shape;
namespace tf = tensorflow;

void check(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

// What the wheel's headers say of the library that is compiled in; 3.4.0 and 5.0.1 differ in what they call the parts.
std::string eigen_version() {
#ifdef EIGEN_PATCH_VERSION
  const int numbers[] = {EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION, EIGEN_PATCH_VERSION};
#else
  const int numbers[] = {EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION};
#endif
  return std::to_string(numbers[0]) + "." + std::to_string(numbers[1]) + "." + std::to_string(numbers[2]);
}

// [N, C, H, W] as [N, H, W, C]; any other shape as it is.
Shape nhwc(const Shape& s) { return s.size() == 4 ? Shape{s[0], s[2], s[3], s[1]} : s; }

// out[n, b, a] = in[n, a, b], for each of `batch` images.
void transpose(const float* in, float* out, int64_t batch, int64_t a, int64_t b) {
  for (int64_t n = 0; n < batch; ++n, in += a * b, out += a * b) {
    for (int64_t i = 0; i < a; ++i) {
      for (int64_t j = 0; j < b; ++j) out[j * a + i] = in[i * b + j];
    }
  }
}

class TensorFlow final : public bench::Framework {
 public:
  int64_t build(const bench::Job& job) override {
    if (job.execution != "frozen") throw bench::Unsupported("mode '" + job.execution + "': this program has frozen");
    images_ = job.files.at("images");
    threads_ = job.threads;
    tf::SessionOptions options;
    options.config.set_intra_op_parallelism_threads(threads_);
    options.config.set_inter_op_parallelism_threads(1);
    (*options.config.mutable_device_count())["GPU"] = 0;
    // The graph comes in one piece: the session need not keep it beside the constants that it makes of it.
    options.config.mutable_experimental()->set_optimize_for_static_graph(true);
    session_.reset(tf::NewSession(options));
    if (session_ == nullptr) throw std::runtime_error("TensorFlow makes no session");
    tf::GraphDef graph;
    check(tf::ReadBinaryProto(tf::Env::Default(), job.files.at("graph"), &graph));
    check(session_->Create(std::move(graph)));
    for (const auto& [name, shape] : job.inputs) {
      const Shape placed = images_ ? nhwc(shape) : shape;
      fed_.emplace_back(job.files.at("feeds").at(name),
                        tf::Tensor(tf::DT_FLOAT, tf::TensorShape(absl::Span<const int64_t>(placed))));
    }
    for (const std::string& name : job.outputs) fetches_.push_back(job.files.at("fetches").at(name));
    return bench::parameters(job);
  }

  // Into memory of the framework's own, which its kernels take as it is.
  void load(const std::vector<bench::View>& inputs) override {
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Shape& shape = inputs[i].shape;
      float* placed = fed_[i].second.flat<float>().data();
      if (images_ && shape.size() == 4 && shape[1] > 1) {
        transpose(inputs[i].data, placed, shape[0], shape[1], shape[2] * shape[3]);
      } else {
        std::memcpy(placed, inputs[i].data, bench::count(shape) * sizeof(float));
      }
    }
  }

  void step() override {
    check(session_->Run(fed_, fetches_, {}, &results_));
  }

  const std::vector<bench::View>& fetch() override {
    views_.clear();
    turned_.clear();
    for (const tf::Tensor& result : results_) {
      Shape shape;
      for (int i = 0; i < result.dims(); ++i) shape.push_back(result.dim_size(i));
      float* data = const_cast<float*>(result.flat<float>().data());
      if (images_ && shape.size() == 4) {
        shape = {shape[0], shape[3], shape[1], shape[2]};
        turned_.emplace_back(shape);
        transpose(data, turned_.back().view().data, shape[0], shape[2] * shape[3], shape[1]);
        data = turned_.back().view().data;
      }
      views_.push_back({shape, data});
    }
    return views_;
  }

  json describe() override {
    json found = {
        {"version", TF_Version()},
        {"build", std::string("TensorFlow ") + TF_Version() + ", Eigen " + eigen_version() + ", C++11 ABI " +
                      std::to_string(_GLIBCXX_USE_CXX11_ABI)},
        {"pools", {{"intra_op", threads_}, {"inter_op", 1}}},
        {"precision", single() ? "float32" : "not float32 alone"},
        {"arithmetic", {{"gradients", "off"}}},
        {"eigen", eigen_version()},
        {"operators", executed()},
    };
    std::vector<tf::DeviceAttributes> devices;
    check(session_->ListDevices(&devices));
    std::string names;
    for (const auto& device : devices) names += (names.empty() ? "" : ", ") + device.device_type();
    found["device"] = names == "CPU" ? "cpu" : names;
#ifdef DNNL_VERSION_MAJOR
    found["dnnl"] = std::to_string(DNNL_VERSION_MAJOR) + "." + std::to_string(DNNL_VERSION_MINOR) + "." +
                    std::to_string(DNNL_VERSION_PATCH);
#endif
    return found;
  }

 private:
  bool single() const {
    for (const tf::Tensor& tensor : results_) {
      if (tensor.dtype() != tf::DT_FLOAT) return false;
    }
    return true;
  }

  // Operator -> how many of them the graph has that the executor was given.
  std::map<std::string, int> executed() {
    tf::RunOptions options;
    options.set_output_partition_graphs(true);
    tf::RunMetadata metadata;
    std::vector<tf::Tensor> results;
    check(session_->Run(options, fed_, fetches_, {}, &results, &metadata));
    std::map<std::string, int> counts;
    for (const tf::GraphDef& graph : metadata.partition_graphs()) {
      for (const tf::NodeDef& node : graph.node()) ++counts[node.op()];
    }
    return counts;
  }

  int threads_ = 0;
  bool images_ = false;  // whether tensors of four axes are images
  std::unique_ptr<tf::Session> session_;
  std::vector<std::pair<std::string, tf::Tensor>> fed_;
  std::vector<std::string> fetches_;
  std::vector<tf::Tensor> results_;
  std::vector<bench::Tensor> turned_;
  std::vector<bench::View> views_;
};

}  // namespace

int main(int argc, char** argv) {
  TensorFlow framework;
  return bench::serve(argc, argv, framework);
}
