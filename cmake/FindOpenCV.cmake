# OpenCV's core, imgproc and imgcodecs, by its own package or from bare headers and libraries.
#
# OpenCV's package on Debian comes with libopencv-dev alone, which brings every module: 200 packages
# and 600 MB more than libopencv-imgcodecs-dev, which has all that is used here.
#
# Output: targets opencv_<component>, OpenCV_LIBS, OpenCV_INCLUDE_DIRS, OpenCV_VERSION.
find_package(OpenCV CONFIG QUIET COMPONENTS ${OpenCV_FIND_COMPONENTS})
include(FindPackageHandleStandardArgs)
if(OpenCV_FOUND AND TARGET opencv_core)
  find_package_handle_standard_args(OpenCV CONFIG_MODE)
  return()
endif()

find_path(OpenCV_INCLUDE_DIR opencv2/core.hpp PATH_SUFFIXES opencv4)
set(_opencv_required OpenCV_INCLUDE_DIR)
foreach(_component ${OpenCV_FIND_COMPONENTS})
  find_library(OpenCV_${_component}_LIBRARY opencv_${_component})
  list(APPEND _opencv_required OpenCV_${_component}_LIBRARY)
  mark_as_advanced(OpenCV_${_component}_LIBRARY)
endforeach()
mark_as_advanced(OpenCV_INCLUDE_DIR)
set(OpenCV_VERSION "")
if(OpenCV_INCLUDE_DIR)
  file(STRINGS ${OpenCV_INCLUDE_DIR}/opencv2/core/version.hpp _opencv_version
       REGEX "#define CV_VERSION_(MAJOR|MINOR|REVISION) ")
  string(REGEX MATCHALL "[0-9]+" OpenCV_VERSION "${_opencv_version}")
  string(REPLACE ";" "." OpenCV_VERSION "${OpenCV_VERSION}")
endif()
find_package_handle_standard_args(OpenCV REQUIRED_VARS ${_opencv_required}
                                  VERSION_VAR OpenCV_VERSION)

if(OpenCV_FOUND)
  set(OpenCV_INCLUDE_DIRS ${OpenCV_INCLUDE_DIR})
  set(OpenCV_LIBS "")
  foreach(_component ${OpenCV_FIND_COMPONENTS})
    add_library(opencv_${_component} SHARED IMPORTED)
    set_target_properties(opencv_${_component} PROPERTIES
      IMPORTED_LOCATION ${OpenCV_${_component}_LIBRARY}
      INTERFACE_INCLUDE_DIRECTORIES ${OpenCV_INCLUDE_DIR})
    list(APPEND OpenCV_LIBS opencv_${_component})
  endforeach()
endif()
