# Units, scripts and completion
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

# To be copied where the system wants them: only one of them is of use there. The units are among them in any case, as
# systemd may come later
examplesdir = $(docdir)/examples
examples_SCRIPTS = $(contrib_scripts)
examples_DATA = $(contrib_units)

# Where units and scripts look for options and secrets: those of tunnels in a folder for root's eyes. Whoever may install
# the program and not make these folders must still be able to install
install-data-local:
	@folder='$(DESTDIR)$(confdir)'; \
	{ test -d "$$folder" || $(INSTALL) -d -m 755 "$$folder"; } && \
	{ test -d "$$folder/local" || $(INSTALL) -d -m 700 "$$folder/local"; } || \
	echo "Not made: $$folder/local, for the options and secrets of tunnels. Make it by hand." >&2

# What the user has put there stays
uninstall-local:
	@rmdir '$(DESTDIR)$(confdir)/local' '$(DESTDIR)$(confdir)' 2>/dev/null || :

# bash finds a completion by the name of the program
nodist_bashcompletion_DATA = %D%/completion/rebore
zshcompletion_DATA = %D%/completion/_rebore

contrib_made = $(contrib_units) $(contrib_scripts)
$(contrib_made): Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(substitute) '$(srcdir)/$@.in' >'$@.tmp' && mv '$@.tmp' '$@'
%D%/rebore-server.service: %D%/rebore-server.service.in
%D%/rebore-local@.service: %D%/rebore-local@.service.in
%D%/rebore.init: %D%/rebore.init.in
%D%/rebore.openrc: %D%/rebore.openrc.in
%D%/rebore.openwrt: %D%/rebore.openwrt.in
%D%/rebore.freebsd: %D%/rebore.freebsd.in

%D%/completion/rebore: %D%/completion/rebore.bash
	$(AM_V_GEN)$(MKDIR_P) %D%/completion && cp '$(srcdir)/%D%/completion/rebore.bash' '$@'

include %D%/bench/local.mk
