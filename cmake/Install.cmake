# What `cmake --install build --prefix P` puts into P, and the target `programs`.
#
# LibTorch, MPI and OpenCV are not copied: the programs remember where this build found them
# (docs/installing.md). Include this after the targets exist.
set(_programs "")
foreach(_program pgan-train pgan-data pgan-sample pgan-eval pgan-checkpoint)
  if(TARGET ${_program})
    list(APPEND _programs ${_program})
  endif()
endforeach()

add_custom_target(programs)
if(_programs)
  add_dependencies(programs ${_programs})
  # Libraries of a site's modules lie outside the linker's own paths.
  set_target_properties(${_programs} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ${_programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

set(_share ${CMAKE_INSTALL_DATADIR}/pgan-train)
set(_launch ${PROJECT_SOURCE_DIR}/launch)
install(PROGRAMS ${_launch}/demo.sh ${_launch}/mpirun.sh ${_launch}/supervise.sh DESTINATION ${_share}/launch)
install(PROGRAMS ${_launch}/slurm/train.sbatch DESTINATION ${_share}/launch/slurm)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/CHANGELOG.md
        DESTINATION ${_share})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${_share} FILES_MATCHING PATTERN "*.md")
