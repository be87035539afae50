// How does a program answer a job? It computes, times and tells; workloads/program.py asks, checks and proves.
//
//   program READ_FD WRITE_FD
//
// One JSON object a line each way. Every request has an answer; one that cannot be met is answered by `unsupported` or
// `error`, with the reason. The end of the requests is the end of the program.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "process.h"
#include "timing.h"
#include "weights.h"

namespace bench {

using json = nlohmann::json;

struct Unsupported : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// float32 numbers in memory that somebody else owns, C-contiguous in ONNX's layout.
struct View {
  Shape shape;
  float* data = nullptr;
};

// The same, owned; begins at a cache line, as frameworks allocate.
class Tensor {
 public:
  explicit Tensor(Shape shape) : shape_(std::move(shape)) {
    const size_t bytes = (count(shape_) * sizeof(float) + 63) / 64 * 64;
    data_.reset(static_cast<float*>(std::aligned_alloc(64, std::max<size_t>(bytes, 64))));
    if (data_ == nullptr) throw std::bad_alloc();
  }
  View view() const { return {shape_, data_.get()}; }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  Shape shape_;
  std::unique_ptr<float, Free> data_;
};

// One operator of the network: ONNX's name and attributes, its output called after `name`.
struct Node {
  std::string name, op;
  std::vector<std::string> inputs;
  json attrs;
  double gain;
  std::map<std::string, Shape> shapes;  // of its weights

  explicit Node(const json& data)
      : name(data.at("name")),
        op(data.at("op")),
        inputs(data.at("inputs").get<std::vector<std::string>>()),
        attrs(given(data, "attrs")),
        gain(data.value("gain", 1.0)),
        shapes(given(data, "weights").get<std::map<std::string, Shape>>()) {}

  static json given(const json& data, const char* key) {
    return data.contains(key) && !data.at(key).is_null() ? data.at(key) : json::object();
  }
};

struct Job {
  std::vector<Node> nodes;
  std::vector<std::string> outputs;
  std::map<std::string, Shape> inputs;  // of what the framework is given at once
  int64_t seed;
  int threads;
  std::string execution, onednn;
  json files;  // what was written for the program beforehand: {"model": path, ...}

  explicit Job(const json& data)
      : outputs(data.at("network").at("outputs").get<std::vector<std::string>>()),
        inputs(data.at("shapes").get<std::map<std::string, Shape>>()),
        seed(data.at("seed")),
        threads(data.at("threads")),
        execution(data.at("execution")),
        onednn(data.at("onednn")),
        files(data.at("files")) {
    for (const json& node : data.at("network").at("nodes")) nodes.emplace_back(node);
  }
};

// How many numbers of a network are learnt.
inline int64_t parameters(const Job& job) {
  int64_t total = 0;
  for (const Node& node : job.nodes) {
    for (const auto& [key, shape] : node.shapes) total += learnt(key) ? static_cast<int64_t>(count(shape)) : 0;
  }
  return total;
}

// What a program has to be able to do; the timed region is `step` and `fetch`, or all three.
class Framework {
 public:
  virtual ~Framework() = default;
  // Make the network ready; returns how many numbers of it are learnt.
  virtual int64_t build(const Job& job) = 0;
  // Put the inputs, in the order of their names, where `step` takes them from.
  virtual void load(const std::vector<View>& inputs) = 0;
  virtual void step() = 0;
  // Wait for the step; its outputs in the order of the job's, in memory that is good until the next step.
  virtual const std::vector<View>& fetch() = 0;
  // What it says of itself: version, build, pools, precision, arithmetic, onednn, ...
  virtual json describe() = 0;
  // Have oneDNN print its calls, or not; false where it cannot be told so from here.
  virtual bool verbose(int /*level*/) { return false; }
};

// Free one large block, so that temporaries are not mapped anew at every step: workloads/allocator.py.
inline void settle_allocator() {
  void* volatile block = std::malloc(32 * 1024 * 1024 - 65536);
  std::free(block);
}

class Server {
 public:
  Server(Framework& framework, FILE* requests, FILE* answers)
      : framework_(framework), requests_(requests), answers_(answers) {}

  int run() {
    char* line = nullptr;
    size_t room = 0;
    while (getline(&line, &room, requests_) > 0) {
      json answer;
      try {
        answer = respond(json::parse(line));
      } catch (const Unsupported& problem) {
        answer = {{"unsupported", problem.what()}};
      } catch (const std::exception& problem) {
        answer = {{"error", problem.what()}};
      }
      const std::string text = answer.dump(-1, ' ', true, json::error_handler_t::replace) + "\n";
      std::fwrite(text.data(), 1, text.size(), answers_);
      std::fflush(answers_);
    }
    std::free(line);
    return 0;
  }

 private:
  json respond(const json& request) {
    const std::string wanted = request.at("do");
    if (wanted == "build") return build(request.at("job"));
    if (wanted == "step") return one_step();
    if (wanted == "outputs") return write_outputs(request.at("folder"));
    if (wanted == "measure") return measured();
    if (wanted == "describe") return described();
    if (wanted == "call") return call(request);
    if (wanted == "verbose") return {{"accepted", framework_.verbose(request.at("level"))}};
    if (wanted == "capture") {
      captured_ = std::make_unique<Captured>(request.at("to"));
      return json::object();
    }
    if (wanted == "release") {
      captured_.reset();
      return json::object();
    }
    throw std::invalid_argument("no request is called " + wanted);
  }

  json build(const json& data) {
    const Job job(data);
    loads_ = data.at("region") == "end_to_end";
    singly_ = data.at("mode") == "single";
    rules_ = {data.at("warmup"), data.at("min_time_s"), data.at("min_count"), data.at("max_time_s")};
    names_ = job.outputs;
    for (const auto& [name, shape] : data.at("inputs").get<std::map<std::string, Shape>>()) {
      Tensor whole(shape);
      fill_input(whole.view().data, job.seed, name, shape);
      place(whole, job.inputs.at(name));
    }
    const int64_t parameters = framework_.build(job);
    settle_allocator();
    framework_.load(samples_.front());
    return {{"parameters", parameters}};
  }

  // An input as it is, or cut into the samples that are predicted one at a time.
  void place(const Tensor& whole, const Shape& part) {
    const size_t parts = count(whole.view().shape) / count(part);
    samples_.resize(parts);
    for (size_t i = 0; i < parts; ++i) {
      inputs_.emplace_back(part);
      const View view = inputs_.back().view();
      std::memcpy(view.data, whole.view().data + i * count(part), count(part) * sizeof(float));
      samples_[i].push_back(view);
    }
  }

  // Room for the outputs of all samples, in the shapes of the first one's.
  void make_results(const std::vector<View>& first) {
    for (const View& output : first) {
      Shape shape = output.shape;
      shape.at(0) = static_cast<int64_t>(samples_.size());
      results_.emplace_back(shape);
      collected_.push_back(results_.back().view());
    }
  }

  void step() {
    if (singly_) return one_by_one();
    if (loads_) framework_.load(samples_.front());
    framework_.step();
    fetched_ = &framework_.fetch();
  }

  void one_by_one() {
    for (size_t row = 0; row < samples_.size(); ++row) {
      framework_.load(samples_[row]);
      framework_.step();
      const std::vector<View>& found = framework_.fetch();
      if (collected_.empty()) make_results(found);  // of the very first prediction: its time is part of the first step
      for (size_t i = 0; i < found.size(); ++i) {
        const size_t size = count(collected_[i].shape) / samples_.size();
        std::memcpy(collected_[i].data + row * size, found[i].data, size * sizeof(float));
      }
    }
    fetched_ = &collected_;
  }

  json one_step() {
    const double start = clock_s();
    step();
    return {{"seconds", clock_s() - start}};
  }

  // Every output of the last step as a file of raw float32 in `folder`, called after its number.
  json write_outputs(const std::string& folder) {
    json files = json::object();
    for (size_t i = 0; i < names_.size(); ++i) {
      const View& output = fetched_->at(i);
      const std::string path = folder + "/" + std::to_string(i);
      std::ofstream file(path, std::ios::binary);
      file.write(reinterpret_cast<const char*>(output.data),
                 static_cast<std::streamsize>(count(output.shape) * sizeof(float)));
      if (!file.flush()) throw std::runtime_error("cannot write " + path);
      files[names_[i]] = path;
    }
    return {{"outputs", files}};
  }

  // The handshake with the host, the samples between, and what the kernel counted meanwhile.
  json measured() {
    json threads = json::object();
    const std::string before = denormals();
    meet("ready");
    const auto around = [&](bool start) {
      threads[start ? "start" : "stop"] = thread_clocks();
    };
    const Timed found = measure([this] { step(); }, rules_, around, clock_s);
    meet("done");
    return {{"warmup_s", found.warmup_s}, {"samples_s", found.samples_s}, {"loops", found.loops},
            {"wall_s", found.wall_s},     {"cpu_s", found.cpu_s},         {"threads", threads},
            {"denormals", before}};
  }

  json described() {
    json found = framework_.describe();
    found["language"] = "C++" + std::to_string(__cplusplus / 100 % 100) + ", g++ " + __VERSION__;
    found["denormals"] = denormals();
    return found;
  }

  // A function of a mapped library: {"path", "symbol", "returns": "", "int", "text", "buffer" or "version"}.
  static json call(const json& request) {
    void* symbol = mapped_symbol(request.at("path"), request.at("symbol"));
    const std::string returns = request.at("returns");
    if (symbol == nullptr) return {{"has", false}};
    if (returns == "int") {
      return {{"has", true}, {"value", reinterpret_cast<int (*)(int)>(symbol)(request.value("argument", 0))}};
    }
    if (returns == "text") {
      const char* text = reinterpret_cast<const char* (*)()>(symbol)();
      return {{"has", true}, {"value", text == nullptr ? "" : text}};
    }
    if (returns == "buffer") {
      char text[256] = "";
      reinterpret_cast<void (*)(char*, int)>(symbol)(text, sizeof text - 1);
      return {{"has", true}, {"value", text}};
    }
    if (returns == "version") {
      const int* numbers = reinterpret_cast<const int* (*)()>(symbol)();
      return {{"has", true}, {"value", {numbers[0], numbers[1], numbers[2]}}};
    }
    return {{"has", true}};
  }

  Framework& framework_;
  FILE *requests_, *answers_;
  bool loads_ = false, singly_ = false;
  Rules rules_{};
  std::vector<std::string> names_;
  std::vector<Tensor> inputs_, results_;
  std::vector<std::vector<View>> samples_;  // of each what `load` takes
  std::vector<View> collected_;
  const std::vector<View>* fetched_ = nullptr;
  std::unique_ptr<Captured> captured_;
};

inline int serve(int argc, char** argv, Framework& framework) {
  FILE* requests = argc == 3 ? fdopen(std::atoi(argv[1]), "r") : nullptr;
  FILE* answers = argc == 3 ? fdopen(std::atoi(argv[2]), "w") : nullptr;
  if (requests == nullptr || answers == nullptr) {
    std::cerr << "usage: " << (argc ? argv[0] : "program") << " READ_FD WRITE_FD\n";
    return 2;
  }
  return Server(framework, requests, answers).run();
}

}  // namespace bench
