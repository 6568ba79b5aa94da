package com.example.postern;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.BadJOSEException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import io.temporal.activity.Activity;
import io.temporal.activity.ActivityExecutionContext;
import io.temporal.activity.ActivityInfo;
import io.temporal.activity.ActivityInterface;
import io.temporal.activity.LocalActivityOptions;
import io.temporal.api.common.v1.Payload;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptor;
import io.temporal.common.interceptors.ActivityInboundCallsInterceptorBase;
import io.temporal.common.interceptors.Header;
import io.temporal.common.interceptors.WorkerInterceptorBase;
import io.temporal.common.interceptors.WorkflowInboundCallsInterceptor;
import io.temporal.common.interceptors.WorkflowInboundCallsInterceptorBase;
import io.temporal.common.interceptors.WorkflowOutboundCallsInterceptor;
import io.temporal.common.interceptors.WorkflowOutboundCallsInterceptorBase;
import io.temporal.workflow.Workflow;
import io.temporal.workflow.WorkflowInfo;
import io.temporal.workflow.WorkflowLocal;
import java.io.IOException;
import java.net.URI;
import java.text.ParseException;
import java.time.Duration;

/**
 * Workflow and activity code that knows who called.
 *
 * <pre>
 *   CallerAssertion.Verifier verifier = new CallerAssertion.Verifier("http://postern:7238/caller");
 *   WorkerFactoryOptions.newBuilder().setWorkerInterceptors(new CallerAssertion(verifier)) …
 *   worker.registerActivitiesImplementations(verifier, …);
 * </pre>
 */
public final class CallerAssertion extends WorkerInterceptorBase {
  /** The key under which the gate writes its assertion. */
  public static final String HEADER = "postern-caller";

  private static final long SKEW_MILLIS = 60_000;
  private static final WorkflowLocal<Told> IN_WORKFLOW = WorkflowLocal.withCachedInitial(() -> null);
  private static final ThreadLocal<Caller> IN_ACTIVITY = new ThreadLocal<>();

  private final Verifier verifier;

  public CallerAssertion(Verifier verifier) {
    this.verifier = verifier;
  }

  /** Who made a call, as the gate verified it; inherited: started not this workflow but the one that started it. */
  public record Caller(String name, String kind, String method, String callId, boolean inherited) {}

  /** Where an assertion was found: it proves something there alone. The time is the workflow's start. */
  public record Binding(String namespace, String workflowId, String parentWorkflowId, long atMillis) {}

  private record Told(Caller caller, Payload assertion) {}

  /** Who started this workflow; null where nobody is proven. */
  public static Caller ofWorkflow() {
    Told told = IN_WORKFLOW.get();
    return told == null ? null : told.caller();
  }

  /** Who started this activity's workflow; null where nobody is proven. */
  public static Caller ofActivity() {
    return IN_ACTIVITY.get();
  }

  @ActivityInterface
  public interface Verify {
    /** Null: it proves nothing. Throws, and is tried again, where the gate's keys can't be had. */
    Caller verifyPosternCaller(String assertion, Binding binding);
  }

  public static final class Verifier implements Verify {
    private final DefaultJWTProcessor<SecurityContext> processor = new DefaultJWTProcessor<>();

    public Verifier(String keySet) throws IOException {
      processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("postern-caller+jwt")));
      processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.ES256, JWKSourceBuilder.create(URI.create(keySet).toURL()).build()));
      // Not against the clock: what counts is when the call happened, which is judged below.
      processor.setJWTClaimsSetVerifier((claims, context) -> {});
    }

    @Override
    public Caller verifyPosternCaller(String assertion, Binding binding) {
      try {
        JWTClaimsSet claims = processor.process(assertion, null);
        String workflowId = claims.getStringClaim("workflow_id");
        if (!claims.getAudience().contains(HEADER) || claims.getExpirationTime() == null || workflowId == null
            || binding.atMillis() > claims.getExpirationTime().getTime() + SKEW_MILLIS
            || !binding.namespace().equals(claims.getStringClaim("namespace"))) {
          return null;
        }
        // A schedule's workflows are named by the id that it gives and, behind a dash, their time.
        boolean own = binding.workflowId().equals(workflowId)
            || (claims.getStringClaim("schedule_id") != null && binding.workflowId().startsWith(workflowId + "-"));
        if (!own && !workflowId.equals(binding.parentWorkflowId())) {
          return null;
        }
        return new Caller(claims.getSubject(), claims.getStringClaim("kind"), claims.getStringClaim("method"), claims.getJWTID(), !own);
      } catch (ParseException | BadJOSEException e) {
        return null;
      } catch (JOSEException e) {
        throw Activity.wrap(e);
      }
    }
  }

  @Override
  public WorkflowInboundCallsInterceptor interceptWorkflow(WorkflowInboundCallsInterceptor next) {
    return new WorkflowInboundCallsInterceptorBase(next) {
      @Override
      public void init(WorkflowOutboundCallsInterceptor outbound) {
        super.init(new HandsOn(outbound));
      }

      @Override
      public WorkflowOutput execute(WorkflowInput input) {
        Payload assertion = input.getHeader().getValues().get(HEADER);
        String token = tokenIn(assertion);
        // Workflows that ran before this interceptor came have no such local activity in their history.
        if (token != null && Workflow.getVersion("postern-caller", Workflow.DEFAULT_VERSION, 1) == 1) {
          WorkflowInfo info = Workflow.getInfo();
          Verify verify = Workflow.newLocalActivityStub(Verify.class, LocalActivityOptions.newBuilder().setStartToCloseTimeout(Duration.ofSeconds(10)).build());
          Binding binding = new Binding(info.getNamespace(), info.getWorkflowId(), info.getParentWorkflowId().orElse(null), info.getRunStartedTimestampMillis());
          IN_WORKFLOW.set(new Told(verify.verifyPosternCaller(token, binding), assertion));
        }
        return super.execute(input);
      }
    };
  }

  @Override
  public ActivityInboundCallsInterceptor interceptActivity(ActivityInboundCallsInterceptor next) {
    return new ActivityInboundCallsInterceptorBase(next) {
      private ActivityInfo info;

      @Override
      public void init(ActivityExecutionContext context) {
        info = context.getInfo();
        super.init(context);
      }

      @Override
      public ActivityOutput execute(ActivityInput input) {
        String token = info.isLocal() ? null : tokenIn(input.getHeader().getValues().get(HEADER));
        IN_ACTIVITY.set(token == null ? null : verifier.verifyPosternCaller(token, new Binding(info.getNamespace(), info.getWorkflowId(), null, System.currentTimeMillis())));
        try {
          return super.execute(input);
        } finally {
          IN_ACTIVITY.remove();
        }
      }
    };
  }

  /** Hands the assertion on to activities, children and the next run. */
  private static final class HandsOn extends WorkflowOutboundCallsInterceptorBase {
    HandsOn(WorkflowOutboundCallsInterceptor next) {
      super(next);
    }

    @Override
    public <R> ActivityOutput<R> executeActivity(ActivityInput<R> input) {
      handOn(input.getHeader());
      return super.executeActivity(input);
    }

    @Override
    public <R> ChildWorkflowOutput<R> executeChildWorkflow(ChildWorkflowInput<R> input) {
      handOn(input.getHeader());
      return super.executeChildWorkflow(input);
    }

    @Override
    public void continueAsNew(ContinueAsNewInput input) {
      handOn(input.getHeader());
      super.continueAsNew(input);
    }

    private static void handOn(Header header) {
      Told told = IN_WORKFLOW.get();
      if (told != null) {
        header.getValues().put(HEADER, told.assertion());
      }
    }
  }

  /** The token in a payload; anybody may have written it: it says nothing before it is verified. */
  private static String tokenIn(Payload payload) {
    try {
      return payload == null ? null : new ObjectMapper().readValue(payload.getData().toByteArray(), String.class);
    } catch (IOException e) {
      return null;
    }
  }
}
