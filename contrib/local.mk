# Units, scripts and completion. What names the program's folder is made here rather than by configure, so that a prefix
# given to make counts
contrib_templates = \
	%D%/rebore-server.service.in \
	%D%/rebore-local@.service.in \
	%D%/rebore.init.in \
	%D%/rebore.openrc.in \
	%D%/rebore.openwrt.in \
	%D%/rebore.freebsd.in
contrib_units = %D%/rebore-server.service %D%/rebore-local@.service
contrib_scripts = %D%/rebore.init %D%/rebore.openrc %D%/rebore.openwrt %D%/rebore.freebsd

EXTRA_DIST += $(contrib_templates) %D%/completion/rebore.bash %D%/completion/_rebore %D%/quickstart %D%/runtests .ci/run
CLEANFILES += $(contrib_units) $(contrib_scripts) %D%/completion/rebore

if SYSTEMD
systemdsystemunit_DATA = $(contrib_units)
endif

# To be copied where the system wants them: only one of them is of use there
examplesdir = $(docdir)/examples
examples_SCRIPTS = $(contrib_scripts)

# bash finds a completion by the name of the program
nodist_bashcompletion_DATA = %D%/completion/rebore
zshcompletion_DATA = %D%/completion/_rebore

contrib_made = $(contrib_units) $(contrib_scripts)
$(contrib_made): Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(SED) 's|@bindir[@]|$(bindir)|g' '$(srcdir)/$@.in' >'$@.tmp' && mv '$@.tmp' '$@'
%D%/rebore-server.service: %D%/rebore-server.service.in
%D%/rebore-local@.service: %D%/rebore-local@.service.in
%D%/rebore.init: %D%/rebore.init.in
%D%/rebore.openrc: %D%/rebore.openrc.in
%D%/rebore.openwrt: %D%/rebore.openwrt.in
%D%/rebore.freebsd: %D%/rebore.freebsd.in

%D%/completion/rebore: %D%/completion/rebore.bash
	$(AM_V_GEN)$(MKDIR_P) %D%/completion && cp '$(srcdir)/%D%/completion/rebore.bash' '$@'

include %D%/bench/local.mk
