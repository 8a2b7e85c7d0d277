#include "ipc/broker.hpp"

int main(int argc, char** argv) { return limelight::ipc::broker_main(argc, argv); }
