// The program of a rank whose stages are built in or come from libraries.
#include <limelight/rank.hpp>

int main(int argc, char** argv) { return limelight::rank_main(argc, argv); }
