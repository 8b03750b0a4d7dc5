// from-cpp - a pipeline, started and watched from C++17 over libdhow.
//
//     c++ -std=c++17 run.cpp $(pkg-config --cflags --libs dhow) -o run && ./run pipeline.yaml
//     '{"n": 3}'
#include <dhow/dhow.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace
{

using Home = std::unique_ptr<dhow, decltype(&dhow_close)>;
using Run = std::unique_ptr<dhow_run, decltype(&dhow_run_free)>;
using Text = std::unique_ptr<char, decltype(&dhow_free)>;

Home open_home()
{
    dhow *home = nullptr;
    if (dhow_open(nullptr, &home) != DHOW_OK)
        throw std::runtime_error(dhow_error(nullptr));
    return Home(home, dhow_close);
}

Run start(dhow *home, const char *file, const char *parameters)
{
    dhow_run *run = nullptr;
    if (dhow_start(home, file, parameters, nullptr, &run) != DHOW_OK)
        throw std::runtime_error(dhow_error(home));
    return Run(run, dhow_run_free);
}

} // namespace

int main(int argc, char **argv)
try {
    if (argc < 2)
        throw std::invalid_argument("run PIPELINE [PARAMETERS as JSON]");
    Home home = open_home();
    Run run = start(home.get(), argv[1], argc > 2 ? argv[2] : nullptr);
    dhow_event event{};

    while (dhow_next(run.get(), -1, &event) > 0)
        if (std::string(event.kind) == "task")
            std::printf("%s %s\n", event.state, event.task);
    char *json = nullptr;
    int status = dhow_wait(run.get(), nullptr, nullptr, &json);
    Text text(json, dhow_free);
    if (status != DHOW_OK)
        throw std::runtime_error(dhow_error(home.get()));
    std::puts(text.get());
} catch (const std::exception &e) {
    std::fprintf(stderr, "run: %s\n", e.what());
    return 1;
}
