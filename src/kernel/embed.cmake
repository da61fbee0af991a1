# embed.cmake: writes the kernels' texts as a C file: cmake -DOUT=FILE.c "-DFILES=A.cl|B.cl" -P embed.cmake
string(REPLACE "|" ";" FILES "${FILES}")
set(arrays)
set(entries)
set(n 0)
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text HEX)
  string(REGEX REPLACE "(..)" "0x\\1," text "${text}")
  string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" text "${text}")
  string(APPEND arrays "static const char text_${n}[] = {\n${text}0};\n")
  string(APPEND entries "    {\"${name}\", text_${n}, sizeof text_${n} - 1},\n")
  math(EXPR n "${n} + 1")
endforeach()
file(WRITE ${OUT} "/* kernel_sources.c: made by embed.cmake from cl/, cuda/ and portable.h. */
#include \"kernel/sources.h\"

${arrays}
const rb__kn_source rb__kn_sources[] = {
${entries}    {0}};
")
