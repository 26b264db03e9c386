# Compiler warnings, sanitizers, and the tools that keep builds short: ccache, mold, precompiled headers.
find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers and ccache agree only with these two relaxations (ccache manual, "Precompiled headers").
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
  add_compile_options(-fpch-preprocess)
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
# Most of a compilation here is third-party headers: sources of a library are compiled together, so each batch reads them once, which makes
# a whole build several times faster. A name in an anonymous namespace must therefore be the only one of its library. OFF where every source
# shall stand alone; tests/house/tidy looks at each by itself anyway.
set(CMAKE_UNITY_BUILD ON CACHE BOOL "Compile the sources of a library in batches")
set(CMAKE_UNITY_BUILD_BATCH_SIZE 8 CACHE STRING "Sources of a batch")
add_compile_options(-pthread)  # of some libraries; the precompiled header needs it of all
if(ASSAY_SANITIZE)
  add_compile_options(-fsanitize=${ASSAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${ASSAY_SANITIZE})
endif()

# Our own code is compiled with every warning we can keep; generated code is not. Warnings are errors in the presets that developers use, not
# for users: a newer compiler's new warning must not stop their build.
option(ASSAY_WERROR "Treat warnings as errors" OFF)
function(assay_target target)
  if(NOT target STREQUAL "assay_common")
    target_precompile_headers(${target} REUSE_FROM assay_common)
  endif()
  # GCC 12 sees overlapping copies in std::string's operator+ that are not there (GCC bug 105329).
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    # A batch's sources look like headers to this one.
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
    $<$<BOOL:${ASSAY_WERROR}>:-Werror>)
endfunction()
