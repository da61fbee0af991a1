# build_info.cmake: writes the commit of the source that is being built into a header; run by every build, so that the
# header is true also after a commit without a new configure. Writes only on change.
#   cmake -DSOURCE=<folder> -DHEADER=<file> -P build_info.cmake
cmake_policy(VERSION 3.22)
set(commit unknown)
set(dirty 0)
find_package(Git QUIET)
if(GIT_FOUND)
  # A source package unpacked inside of somebody else's repository is not at that repository's commit.
  execute_process(COMMAND ${GIT_EXECUTABLE} ls-files --error-unmatch CMakeLists.txt WORKING_DIRECTORY ${SOURCE}
    RESULT_VARIABLE tracked OUTPUT_QUIET ERROR_QUIET)
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse --short=12 HEAD WORKING_DIRECTORY ${SOURCE}
    RESULT_VARIABLE failed OUTPUT_VARIABLE head OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(tracked EQUAL 0 AND failed EQUAL 0)
    string(SUBSTRING "${head}" 0 12 commit)
    # Only what is compiled counts: notes and results beside the source do not make it another program.
    execute_process(COMMAND ${GIT_EXECUTABLE} --no-optional-locks status --porcelain -- CMakeLists.txt include src cl cuda bench
      WORKING_DIRECTORY ${SOURCE} OUTPUT_VARIABLE changes ERROR_QUIET)
    if(changes)
      set(dirty 1)
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT
"/* build_info.h: made by src/measure/build_info.cmake in every build. */
#define RB_BUILD_COMMIT \"@commit@\"
#define RB_BUILD_DIRTY @dirty@
" @ONLY)
