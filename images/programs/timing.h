// How long does one step take, again and again? The rules of workloads/timing.py.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>
#include <vector>

namespace bench {

constexpr double MIN_SAMPLE_S = 1e-3;
constexpr double MOST_SAMPLES = 10000;

struct Rules {
  int warmup;
  double min_time_s;
  size_t min_count;
  double max_time_s;
};

struct Timed {
  std::vector<double> warmup_s, samples_s;
  long loops;
  double wall_s, cpu_s;
};

inline double clock_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double cpu_clock_s() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Seconds per step of `loops` steps together.
template <class Step, class Clock>
double timed(Step& step, long loops, Clock& clock) {
  const double start = clock();
  for (long i = 0; i < loops; ++i) step();
  return (clock() - start) / static_cast<double>(loops);
}

// `rules.warmup` steps, then as many batches as it takes until one lasts `shortest_s`: the loops of a sample.
template <class Step, class Clock>
long warm_up(Step& step, const Rules& rules, double shortest_s, std::vector<double>& warmup_s, Clock& clock) {
  for (int i = 0; i < std::max(rules.warmup, 1); ++i) warmup_s.push_back(timed(step, 1, clock));
  long loops = 1;
  double last = warmup_s.back();
  while (last * static_cast<double>(loops) < shortest_s) {
    const long enough = static_cast<long>(2 * shortest_s / std::max(last, 1e-9)) + 1;
    loops = std::max(loops + 1, std::min(loops * 10, enough));
    last = timed(step, loops, clock);
    warmup_s.push_back(last);
  }
  return loops;
}

// Until `min_time_s` and `min_count` hold, or `max_time_s` is over with two samples in.
template <class Step, class Clock>
std::vector<double> sample(Step& step, long loops, const Rules& rules, Clock& clock) {
  std::vector<double> samples_s;
  samples_s.reserve(1 << 14);
  const double begin = clock();
  for (;;) {
    samples_s.push_back(timed(step, loops, clock));
    const double elapsed = clock() - begin;
    if (elapsed >= rules.min_time_s && samples_s.size() >= rules.min_count) return samples_s;
    if (elapsed >= rules.max_time_s && samples_s.size() >= 2) return samples_s;
  }
}

// `around(true)` and `around(false)` are called directly before and after the timed region.
template <class Step, class Around, class Clock>
Timed measure(Step step, const Rules& rules, Around around, Clock clock) {
  Timed found;
  const double shortest_s = std::max(MIN_SAMPLE_S, rules.min_time_s / MOST_SAMPLES);
  found.loops = warm_up(step, rules, shortest_s, found.warmup_s, clock);
  around(true);
  const double cpu = cpu_clock_s(), wall = clock();
  found.samples_s = sample(step, found.loops, rules, clock);
  found.wall_s = clock() - wall;
  found.cpu_s = cpu_clock_s() - cpu;
  around(false);
  return found;
}

}  // namespace bench
