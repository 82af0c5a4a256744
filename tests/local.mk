# Unit tests speak TAP, so that each case has a line; the others pass, skip (77) or fail by exit status
TEST_EXTENSIONS = .py .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
PY_LOG_COMPILER = $(PYTHON)
AM_TESTS_ENVIRONMENT = REBORE='$(abs_builddir)/rebore' top_srcdir='$(top_srcdir)' PYTHONDONTWRITEBYTECODE=1; \
	export REBORE top_srcdir PYTHONDONTWRITEBYTECODE;

if HAVE_CHECK
unit_tests = %D%/unit/test_backoff
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
%C%_unit_test_backoff_SOURCES = %D%/unit/test_backoff.c %D%/unit/suite.h
%C%_unit_test_backoff_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
%C%_unit_test_backoff_LDADD = librebore.a $(CHECK_LIBS) $(LIBS_ALL)
endif
