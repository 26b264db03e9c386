#include "cli/assay_main.h"

int main(int argc, char** argv) { return assay::AssayMain(argc, argv); }
