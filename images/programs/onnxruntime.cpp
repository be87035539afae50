// How does a C++ program run a network with ONNX Runtime? A session over the model that was written for it, by the C API
// of the wheel's library.
#include <algorithm>

#include "harness.h"

// The wheel has no header, and Debian no package with one. The API is a table of functions whose places never change
// (docs/ABI.md of ONNX Runtime's repository): these are the places of the few that are called here.
namespace ort {

enum Place : size_t {
  GetErrorMessage = 2,
  CreateEnv = 3,
  CreateSession = 7,
  CreateSessionOptions = 10,
  SetSessionGraphOptimizationLevel = 23,
  SetIntraOpNumThreads = 24,
  SetInterOpNumThreads = 25,
  SessionGetOutputTypeInfo = 34,
  CreateTensorWithDataAsOrtValue = 49,
  CastTypeInfoToTensorInfo = 55,
  GetTensorElementType = 60,
  GetDimensionsCount = 61,
  GetDimensions = 62,
  CreateCpuMemoryInfo = 69,
  ReleaseStatus = 93,
  ReleaseValue = 96,
  GetAvailableProviders = 125,
  RunWithBinding = 133,
  CreateIoBinding = 134,
  BindInput = 136,
  BindOutput = 137,
  GetBuildInfoString = 254,
};

struct ApiBase {
  void* const* (*get_api)(uint32_t version);
  const char* (*version)();
};

constexpr uint32_t API_VERSION = 14;  // the first whose table has all of these
constexpr int WARNING = 2, ENABLE_ALL = 99, ARENA_ALLOCATOR = 1, DEFAULT_MEMORY = 0, FLOAT = 1;

}  // namespace ort

extern "C" const ort::ApiBase* OrtGetApiBase();

namespace {

using bench::json;

void* const* api() {
  static void* const* const table = OrtGetApiBase()->get_api(ort::API_VERSION);
  if (table == nullptr) throw std::runtime_error("this library has no API of version 14");
  return table;
}

// Call a function that returns a status; the message of one that is not null is thrown.
template <class... Arguments>
void call(ort::Place place, Arguments... arguments) {
  void* status = reinterpret_cast<void* (*)(Arguments...)>(api()[place])(arguments...);
  if (status == nullptr) return;
  const std::string message = reinterpret_cast<const char* (*)(const void*)>(api()[ort::GetErrorMessage])(status);
  reinterpret_cast<void (*)(void*)>(api()[ort::ReleaseStatus])(status);
  throw std::runtime_error(message);
}

// Make an object that lives as long as the process, by a function whose last argument is where it goes.
template <class... Arguments>
void* make(ort::Place place, Arguments... arguments) {
  void* made = nullptr;
  call(place, arguments..., &made);
  return made;
}

class OnnxRuntime final : public bench::Framework {
 public:
  int64_t build(const bench::Job& job) override {
    if (job.execution != "default") throw bench::Unsupported("mode '" + job.execution + "': this program has default");
    threads_ = job.threads;
    void* environment = make(ort::CreateEnv, ort::WARNING, "bench");
    void* options = make(ort::CreateSessionOptions);
    call(ort::SetIntraOpNumThreads, options, threads_);
    call(ort::SetInterOpNumThreads, options, 1);
    call(ort::SetSessionGraphOptimizationLevel, options, ort::ENABLE_ALL);
    const std::string model = job.files.at("model");
    session_ = make(ort::CreateSession, environment, model.c_str(), options);
    memory_ = make(ort::CreateCpuMemoryInfo, ort::ARENA_ALLOCATOR, ort::DEFAULT_MEMORY);
    binding_ = make(ort::CreateIoBinding, session_);
    for (const auto& [name, shape] : job.inputs) inputs_.push_back({name, nullptr});
    bind_outputs(job.outputs);
    return bench::parameters(job);
  }

  void load(const std::vector<bench::View>& inputs) override {
    for (size_t i = 0; i < inputs.size(); ++i) {
      auto& [name, value] = inputs_[i];
      if (value != nullptr) reinterpret_cast<void (*)(void*)>(api()[ort::ReleaseValue])(value);
      value = tensor(inputs[i]);
      call(ort::BindInput, binding_, name.c_str(), static_cast<const void*>(value));
    }
  }

  void step() override { call(ort::RunWithBinding, session_, static_cast<const void*>(nullptr), binding_); }

  const std::vector<bench::View>& fetch() override { return views_; }

  json describe() override {
    char** names = nullptr;
    int number = 0;
    call(ort::GetAvailableProviders, &names, &number);
    const std::vector<std::string> providers(names, names + number);
    const bool onednn = std::count(providers.begin(), providers.end(), "DnnlExecutionProvider") > 0;
    const json state = {onednn ? "off" : "absent", "GetAvailableProviders: " + json(providers).dump() + "; none was appended"};
    return {
        {"version", OrtGetApiBase()->version()},
        {"build", reinterpret_cast<const char* (*)()>(api()[ort::GetBuildInfoString])()},
        {"pools", {{"intra_op", threads_}, {"inter_op", 1}}},
        {"precision", single_ ? "float32" : "not float32 alone"},
        {"device", "cpu"},
        {"arithmetic", json::object()},
        {"onednn", state},
    };
  }

 private:
  void* tensor(const bench::View& view) const {
    const size_t bytes = bench::count(view.shape) * sizeof(float);
    return make(ort::CreateTensorWithDataAsOrtValue, memory_, static_cast<void*>(view.data), bytes, view.shape.data(),
                view.shape.size(), ort::FLOAT);
  }

  // Results are written where `fetch` finds them.
  void bind_outputs(const std::vector<std::string>& names) {
    for (size_t i = 0; i < names.size(); ++i) {
      void* type = make(ort::SessionGetOutputTypeInfo, static_cast<const void*>(session_), i);
      void* info = make(ort::CastTypeInfoToTensorInfo, static_cast<const void*>(type));
      int element = 0;
      size_t rank = 0;
      call(ort::GetTensorElementType, static_cast<const void*>(info), &element);
      call(ort::GetDimensionsCount, static_cast<const void*>(info), &rank);
      bench::Shape shape(rank);
      call(ort::GetDimensions, static_cast<const void*>(info), shape.data(), rank);
      single_ = single_ && element == ort::FLOAT;
      outputs_.emplace_back(shape);
      views_.push_back(outputs_.back().view());
      call(ort::BindOutput, binding_, names[i].c_str(), static_cast<const void*>(tensor(views_.back())));
    }
  }

  int threads_ = 0;
  bool single_ = true;
  void *session_ = nullptr, *memory_ = nullptr, *binding_ = nullptr;
  std::vector<std::pair<std::string, void*>> inputs_;
  std::vector<bench::Tensor> outputs_;
  std::vector<bench::View> views_;
};

}  // namespace

int main(int argc, char** argv) {
  OnnxRuntime framework;
  return bench::serve(argc, argv, framework);
}
