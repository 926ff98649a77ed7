# Splines and mediation by R's own functions. Arguments: folder of the tables, output (JSON, all digits).
suppressMessages({library(splines); library(geepack); library(ordinal); library(mice); library(lme4)})
a <- commandArgs(TRUE)
out <- list()
t <- read.csv(file.path(a[1], "rows.csv"))
tight <- glm.control(epsilon = 1e-14, maxit = 100)

# Harrell's knots; the basis is that of the package splines (B-splines), which spans the same curves as the truncated
# powers: the tests and the curves have to agree, the coefficients do not
outer <- c(0.1, 0.05, 0.05, 0.05, 0.025)
knots <- lapply(3:7, function(k) unname(quantile(t$x, seq(outer[k - 2], 1 - outer[k - 2], length = k))))
out$knots <- unlist(knots)
few <- sort(t$x[1:60])
inner <- quantile(few, seq(0.05, 0.95, length = 4))
out$knots_few <- c(few[5], inner[2:3], few[56])
above <- sort(t$volume[t$volume > min(t$volume[t$volume > 0])])
out$knots_tied <- c(min(t$volume[t$volume > 0]), quantile(above, seq(0.05, 0.95, length = 3)))

four <- knots[[2]]
natural <- function(v) ns(v, knots = four[2:3], Boundary.knots = four[c(1, 4)])
at <- c(-2, -1, 0.3, 1, 2.5)
apart <- cbind(natural(at) - natural(rep(median(t$x), 5)))
# columns whose first is x itself: a test of the others is that of a deviation from a straight line
straight <- function(beta, v) { N <- natural(t$x)
  turn <- cbind(coef(lm(t$x ~ N))[-1], c(1, 0, 0), c(0, 1, 0)); inner <- solve(turn)
  list(beta = drop(inner %*% beta), v = inner %*% v %*% t(inner)) }
wald <- function(b, v) drop(t(b) %*% solve(v, b))
both <- function(beta, v) { own <- straight(beta, v)
  c(wald(beta, v), wald(own$beta[-1], own$v[-1, -1]), apart %*% beta, sqrt(diag(apart %*% v %*% t(apart)))) }

logistic <- glm(event ~ natural(x) + age, binomial, t, control = tight)
logistic <- glm(event ~ natural(x) + age, binomial, t, start = coef(logistic), control = tight)
out$logistic <- both(coef(logistic)[2:4], vcov(logistic)[2:4, 2:4])
linear <- lm(y ~ natural(x) + age, t)
columns <- model.matrix(linear)
bread <- solve(crossprod(columns))
meat <- crossprod(columns * (residuals(linear) / (1 - hatvalues(linear))))
out$linear <- both(coef(linear)[2:4], (bread %*% meat %*% bread)[2:4, 2:4])
gee <- geeglm(event ~ natural(x) + age, id = subject, data = t, family = binomial, corstr = "independence",
              control = geese.control(epsilon = 1e-12, maxit = 200))
out$gee <- both(coef(gee)[2:4], vcov(gee)[2:4, 2:4])

# mediation: exposure x (-1 to 1), mediator volume or a yes/no one, covariate age; by the product of coefficients, and
# by an integral over the mediator of every row
m <- lm(volume ~ x + age, t); o <- lm(y ~ x + volume + age, t)
out$mediation_linear <- 2 * c(coef(o)["x"], coef(m)["x"] * coef(o)["volume"])
o <- lm(y ~ x * volume + age, t)
expected <- function(a) mean(predict(m, transform(t, x = a)))
out$mediation_interaction <- c(2 * (coef(o)["x"] + coef(o)["x:volume"] * expected(-1)),
  (expected(1) - expected(-1)) * (coef(o)["volume"] + coef(o)["x:volume"]))
fitted_glm <- function(f) { g <- glm(f, binomial, t, control = tight); glm(f, binomial, t, start = coef(g), control = tight) }
o <- fitted_glm(event ~ x + volume + age); b <- coef(o)
risk <- function(a, at) mean(mapply(function(mu, age) integrate(function(z) plogis(b[1] + b[2] * a + b[3] * (mu + sigma(m) * z) +
  b[4] * age) * dnorm(z), -12, 12, rel.tol = 1e-11)$value, predict(m, transform(t, x = at)), t$age))
out$mediation_logistic <- c(risk(1, -1) - risk(-1, -1), risk(1, 1) - risk(1, -1))
m <- fitted_glm(calcified ~ x + age); o <- fitted_glm(event ~ x + calcified + age)
part <- function(a, yes) predict(o, transform(t, x = a, calcified = yes), type = "response")
risk <- function(a, at) { p <- predict(m, transform(t, x = at), type = "response"); mean(p * part(a, 1) + (1 - p) * part(a, 0)) }
out$mediation_yes_no <- c(risk(1, -1) - risk(-1, -1), risk(1, 1) - risk(1, -1))

# zero inflation: the likelihoods of the negative binomial and of the zero-inflated one, and their ratio
X <- cbind(1, t$x, t$age - 63)
minus <- function(b, part) { f <- dnbinom(t$count, mu = exp(drop(X %*% b[1:3])), size = exp(-b[4]), log = TRUE)
  if (part == 0) return(-sum(f))
  pi <- plogis(b[5]); -sum(ifelse(t$count == 0, log(pi + (1 - pi) * exp(f)), log(1 - pi) + f)) }
best <- function(start, part) { for (again in 1:4) { found <- optim(start, minus, part = part, method = "BFGS",
  control = list(reltol = 1e-16, maxit = 5000, ndeps = rep(1e-5, length(start)))); start <- found$par }; found }
nb <- best(c(0.5, 0, 0, 0), 0); zi <- best(c(nb$par, -1), 1)
out$zero_inflation <- 2 * (nb$value - zi$value)
out$zeros_expected <- sum(dnbinom(0, mu = exp(drop(X %*% nb$par[1:3])), size = exp(-nb$par[4])))
out$zero_part <- plogis(zi$par[5])

# interactions: the effect at a level is the coefficient of x where the modifier is 0 there
at <- function(level, modifier, fit) { t$m <- t[[modifier]] - level; coef(fit(t))["x"] }
spread <- function(level, modifier, fit, v) { t$m <- t[[modifier]] - level; sqrt(diag(v(fit(t))))["x"] }
logit <- function(t) { g <- glm(event ~ x * m + volume, binomial, t, control = tight)
  glm(event ~ x * m + volume, binomial, t, start = coef(g), control = tight) }
out$interaction_yes_no <- c(at(0, "calcified", logit), spread(0, "calcified", logit, vcov),
  at(1, "calcified", logit), spread(1, "calcified", logit, vcov))
t$m <- t$calcified; g <- logit(t); out$interaction_p <- 2 * pnorm(-abs(coef(g)["x:m"] / sqrt(vcov(g)["x:m", "x:m"])))
straight_line <- function(t) lm(y ~ x * m, t)
hc3 <- function(g) { X <- model.matrix(g); b <- solve(crossprod(X))
  b %*% crossprod(X * (residuals(g) / (1 - hatvalues(g)))) %*% b }
levels <- mean(t$age) + c(-1, 0, 1) * sd(t$age)
out$interaction_number <- unlist(lapply(levels, function(l) c(at(l, "age", straight_line), spread(l, "age", straight_line, hc3))))
t$m <- t$age; g <- straight_line(t)
out$interaction_number_p <- 2 * pt(-abs(coef(g)["x:m"] / sqrt(hc3(g)["x:m", "x:m"])), g$df.residual)

# partial proportional odds: tenants' satisfaction (MASS), by clm; its coefficients are those of the odds to stay below
data(housing, package = "MASS")
each <- housing[rep(seq_len(nrow(housing)), housing$Freq), ]
each$contact <- as.numeric(each$Cont == "High"); each$medium <- as.numeric(each$Infl == "Medium"); each$high <- as.numeric(each$Infl == "High")
out$housing <- c(t(cbind(as.numeric(each$Sat), each$contact, each$medium, each$high)))
fine <- clm.control(gradTol = 1e-10)
plain <- clm(Sat ~ contact + medium + high, data = each, control = fine)
of <- function(m, term, sign) { a <- summary(m)$coefficients; at <- grep(term, rownames(a))
  c(sign * a[at, 1], a[at, 2], 2 * (logLik(m) - logLik(plain))) }
out$by_cut <- of(clm(Sat ~ medium + high, nominal = ~ contact, data = each, control = fine), "contact", -1)
out$generalised <- of(clm(Sat ~ 1, nominal = ~ contact + medium + high, data = each, control = fine), "contact", -1)
out$common <- of(clm(Sat ~ contact, nominal = ~ medium + high, data = each, control = fine), "contact", 1)

# a category of five levels, imputed by polyreg (boys, in mice): how often each is drawn, and at which mean age
boys <- boys[c("age", "gen")]
out$boys <- c(t(cbind(boys$age, ifelse(is.na(boys$gen), 0, as.numeric(boys$gen)))))
boys$gen <- factor(boys$gen, ordered = FALSE)
drawn <- mice(boys, m = 40, maxit = 1, method = c("", "polyreg"), seed = 1, printFlag = FALSE)
level <- unlist(drawn$imp$gen); age <- rep(boys$age[is.na(boys$gen)], 40)
out$boys_part <- table(level) / length(level); out$boys_age <- tapply(age, level, mean)

# random slopes: sleep deprivation (Belenky 2003, in lme4), REML
fit <- lmer(Reaction ~ Days + (Days | Subject), sleepstudy, control = lmerControl(optimizer = "bobyqa",
  optCtrl = list(rhoend = 1e-10, maxfun = 1e5)))
out$sleep <- c(t(cbind(as.numeric(sleepstudy$Subject), sleepstudy$Days, sleepstudy$Reaction)))
out$slopes <- c(summary(fit)$coefficients["Days", 1:2], attr(VarCorr(fit)$Subject, "stddev"), attr(VarCorr(fit)$Subject, "correlation")[1, 2], sigma(fit))
# limits of agreement of x and y with two rows of each subject: variances between and within by REML
apart <- lmer(y - x ~ 1 + (1 | subject), t, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)))
out$limits <- fixef(apart) + c(0, -1, 1) * qnorm(0.975) * sqrt(sum(as.data.frame(VarCorr(apart))$vcov))
# ComBat (Johnson 2007; longitudinal: Beer 2020) by lm and lmer, measure by measure; the first visits, then all of them
scans <- read.csv(file.path(a[1], "scans.csv")); scans$site <- factor(scans$site)
combat <- function(s, fit, fixed) { k <- 3; n <- as.numeric(table(s$site)); m <- paste0("m", 0:5)
  each <- lapply(m, function(name) { f <- fit(name, s); b <- fixed(f)[paste0("site", 0:2)]; b <- b - sum(n * b) / sum(n)
    sd <- if (inherits(f, "lm")) sqrt(mean(residuals(f)^2)) else sigma(f)
    list(g = b / sd, z = (residuals(f) + b[s$site]) / sd, base = fitted(f) - b[s$site], sd = sd) })
  g <- sapply(each, function(e) e$g); d <- sapply(each, function(e) tapply(e$z, s$site, var))
  for (i in 1:k) { t2 <- var(g[i, ]); gb <- mean(g[i, ]); D <- mean(d[i, ]); S <- var(d[i, ])
    A <- (2 * S + D^2) / S; B <- (D * S + D^3) / S; g0 <- g[i, ]; gs <- g0; ds <- d[i, ]
    for (step in 1:500) { gs <- (t2 * n[i] * g0 + ds * gb) / (t2 * n[i] + ds)
      ds <- (0.5 * sapply(1:6, function(v) sum((each[[v]]$z[s$site == i - 1] - gs[v])^2)) + B) / (n[i] / 2 + A - 1) }
    g[i, ] <- gs; d[i, ] <- ds }
  c(sapply(1:6, function(v) { e <- each[[v]]; e$sd / sqrt(d[s$site, v]) * (e$z - g[s$site, v]) + e$base })) }
first <- scans[seq(1, nrow(scans), 3), ]
out$combat <- combat(first, function(name, s) lm(reformulate(c("0", "site", "age", "group"), name), s), coef)
out$combat_long <- combat(scans, function(name, s) lmer(reformulate(c("0", "site", "age", "group", "(1 | subject)"), name), s,
  control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10))), fixef)
# SIMEX of a linear model, whose simulated means have a limit: slopes with error added to the moments, a parabola to -1
moments <- cov(transform(t, y = y + 2 * x)[c("x", "age", "y")])
at <- c(0, 0.5, 1, 1.5, 2)
slopes <- sapply(at, function(added) solve(moments[1:2, 1:2] + diag(c(added * 0.4^2, 0)), moments[1:2, 3])[1])
out$simex <- c(predict(lm(slopes ~ at + I(at^2)), data.frame(at = -1)),
  solve(moments[1:2, 1:2] - diag(c(0.4^2, 0)), moments[1:2, 3])[1])
# a logistic mixed model: contagious pleuropneumonia of cattle in 15 herds (Lesnoff 2004, in lme4), 25 points
each <- cbpp[rep(seq_len(nrow(cbpp)), cbpp$size), ]; each$sick <- unlist(lapply(seq_len(nrow(cbpp)), function(i) rep(1:0, c(cbpp$incidence[i], cbpp$size[i] - cbpp$incidence[i]))))
for (at in 2:4) each[[paste0("p", at)]] <- as.numeric(each$period == at)
out$cbpp <- c(t(cbind(as.numeric(each$herd), each$sick, each$p2, each$p3, each$p4)))
fit <- glmer(sick ~ p2 + p3 + p4 + (1 | herd), each, binomial, nAGQ = 25, control = glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-9)))
out$cbpp_fit <- c(t(summary(fit)$coefficients[-1, 1:2]), sqrt(VarCorr(fit)$herd[1]))
cat(jsonlite::toJSON(lapply(out, as.numeric), digits = NA), file = a[2])
